"""Check of docker/ what hadolint and the compose schema cannot know, without a Docker engine.

Usage: `python scripts/check_docker.py`. Prints one line a problem and exits 1 if there is any.
`make lint` runs hadolint and check-jsonschema beside it: rules of Dockerfiles, the compose schema.
"""

from __future__ import annotations

import fnmatch
import json
import re
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Instruction:
    """One instruction of a Dockerfile, continuation lines joined.

    Attributes:
        line: where it begins, from 1.
        name: in upper case.
        value: everything after the name.
    """

    line: int
    name: str
    value: str

    @property
    def arguments(self) -> list[str]:
        """The words of it, from JSON or shell form, without --flags before them."""
        value = re.sub(r"^(--\S+\s+)+", "", self.value)
        if value.startswith("["):
            return [str(word) for word in json.loads(value)]
        return shlex.split(value)


def parse_dockerfile(text: str) -> list[Instruction]:
    """Return the instructions of a Dockerfile; comments and blank lines are left out."""
    instructions = []
    start, parts = 0, list[str]()
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        start = start if parts else number
        parts.append(line.removesuffix("\\").strip())
        if not line.endswith("\\"):
            name, _, value = " ".join(parts).partition(" ")
            instructions.append(Instruction(start, name.upper(), value.strip()))
            parts = []
    if parts:
        raise SystemExit(f"Dockerfile: line {start} is continued past the end of the file.")
    return instructions


def is_ignored(path: str, patterns: list[str]) -> bool:
    """Tell whether .dockerignore keeps a path out: the last pattern that matches it decides.

    Args:
        path: relative to the build context, with slashes.
        patterns: the lines of .dockerignore without comments.
    """
    ignored = False
    parents = [path, *(str(p) for p in PurePosixPath(path).parents if str(p) != ".")]
    for pattern in patterns:
        wanted = pattern.removeprefix("!").strip("/")
        # "**/" stands for any number of folders, also none; fnmatch's * crosses slashes already.
        alternatives = [wanted, wanted.removeprefix("**/")]
        if any(fnmatch.fnmatchcase(p, a) for p in parents for a in alternatives):
            ignored = not pattern.startswith("!")
    return ignored


def copy_problems(text: str, context: Path, ignore: list[str]) -> Iterator[str]:
    """Yield the sources of a Dockerfile's COPY that are missing, outside, or ignored.

    Args:
        text: the Dockerfile.
        context: the folder that the sources are relative to.
        ignore: the patterns of .dockerignore.
    """
    for item in parse_dockerfile(text):
        if item.name != "COPY" or "--from=" in item.value:
            continue
        for source in item.arguments[:-1]:
            at = f"Dockerfile:{item.line}: COPY {source}"
            if ".." in PurePosixPath(source).parts or source.startswith("/"):
                yield f"{at} leaves the build context"
            elif not list(context.glob(source)):
                yield f"{at} does not exist"
            elif is_ignored(source.strip("/"), ignore):
                yield f"{at} is kept out by .dockerignore"


def compose_problems(compose: dict[str, Any]) -> Iterator[str]:
    """Yield what is wrong with a compose file although its schema allows it."""
    services = compose["services"]
    for name, service in services.items():
        at = f"compose.yaml: {name}"
        tag = service.get("image", "built:here").rsplit("/", 1)[-1].partition(":")[2]
        if tag in {"", "latest"}:
            yield f"{at} takes an image that changes by itself: name its version"
        if service.get("privileged") or service.get("user") in {"root", "0", 0}:
            yield f"{at} runs with the rights of root"
        for key, value in service.get("environment", {}).items():
            if re.search(r"PASSWORD|SECRET|TOKEN|_KEY", key) and not str(value).startswith("${"):
                yield f"{at}: {key} holds a secret: take it from the environment"
        for other, how in service.get("depends_on", {}).items():
            if other not in services:
                yield f"{at} depends on {other}, which is no service"
            elif how["condition"] == "service_healthy" and not has_health_check(services[other]):
                yield f"{at} waits for the health of {other}, which has no health check"
        for volume in service.get("volumes", []):
            source = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", volume).split(":")[0]
            if source.startswith(".") and not (ROOT / "docker" / source).exists():
                yield f"{at}: {source} does not exist"
            elif source[0] not in "./~" and source not in compose.get("volumes", {}):
                yield f"{at}: volume {source} is not declared"
        for port in service.get("ports", []):
            if not str(port).startswith("127.0.0.1:"):
                yield f"{at}: port {port} is open to everybody: publish it on 127.0.0.1"


def has_health_check(service: dict[str, Any]) -> bool:
    """Tell whether a service has a health check, in the file or in the image that is built."""
    return "healthcheck" in service or "build" in service


def problems() -> list[str]:
    """Return everything that is wrong with docker/; empty if nothing is."""
    ignore = [
        line
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line.strip() and not line.startswith("#")
    ]
    compose = yaml.safe_load((ROOT / "docker/compose.yaml").read_text())
    dockerfile = (ROOT / "docker/Dockerfile").read_text()
    return [*copy_problems(dockerfile, ROOT, ignore), *compose_problems(compose)]


def main() -> int:
    """Print the problems."""
    found = problems()
    for problem in found:
        print(problem)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
