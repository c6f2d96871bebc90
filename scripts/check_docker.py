"""Check docker/ as far as that goes without a Docker engine: rules, sources, schema.

Usage: `python scripts/check_docker.py`. Prints one line a problem and exits 1 if there is any.
The Dockerfile rules are a subset of hadolint's, named by its codes where it has one.
"""

from __future__ import annotations

import fnmatch
import json
import re
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path, PurePosixPath
from typing import Any

import jsonschema
import yaml

ROOT = Path(__file__).resolve().parent.parent
EXEC_FORM = {"CMD", "ENTRYPOINT"}


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


def image_problem(image: str, what: str) -> str | None:
    """Return what is wrong with the version of an image's name, if anything (DL3006, DL3007)."""
    if "@sha256:" in image:
        return None
    tag = image.rsplit("/", 1)[-1].partition(":")[2]
    if not tag:
        return f"{what} names no version of {image}: add a tag, such as :3.11-slim (DL3006)"
    return f"{what} takes {image}, which changes by itself (DL3007)" if tag == "latest" else None


def dockerfile_problems(text: str, context: Path, ignore: list[str]) -> Iterator[str]:
    """Yield what is wrong with a Dockerfile.

    Args:
        text: its content.
        context: the folder that its COPY instructions are relative to.
        ignore: the patterns of .dockerignore.
    """
    instructions = parse_dockerfile(text)
    stages: list[str] = []
    user = "root"
    seen: set[str] = set()
    for item in instructions:
        at = f"Dockerfile:{item.line}: {item.name}"
        if item.name == "FROM":
            image, *rest = item.arguments
            if image not in stages and (problem := image_problem(image, at)):
                yield problem
            stages.append(rest[1] if len(rest) == 2 else str(len(stages)))
            user, seen = "root", set()
        elif item.name == "ADD":
            yield f"{at} may fetch or unpack: use COPY (DL3020)"
        elif item.name == "COPY":
            yield from copy_problems(item, at, context, ignore, stages)
        elif item.name == "USER":
            user = item.arguments[0]
        elif item.name == "WORKDIR" and not item.arguments[0].startswith("/"):
            yield f"{at} {item.arguments[0]} is not absolute (DL3000)"
        elif item.name in {"ENV", "ARG"} and re.search(
            r"(PASSWORD|SECRET|TOKEN|_KEY)\w*[= ]+[^\s\"'$]", item.value
        ):
            yield f"{at} holds a secret: give it when the container runs"
        elif item.name == "RUN":
            yield from run_problems(item.value, at)
        if item.name in EXEC_FORM and not item.value.startswith("["):
            yield f"{at} is in shell form: a signal would not reach the program (DL3025)"
        if item.name == "HEALTHCHECK" and "CMD [" not in item.value:
            yield f"{at} is in shell form, or none"
        if item.name in EXEC_FORM | {"HEALTHCHECK"}:
            if item.name in seen:
                yield f"{at} stands twice in one stage (DL4003, DL4004)"
            seen.add(item.name)
    if user.split(":")[0] in {"root", "0"}:
        yield "Dockerfile: the container runs as root: end with USER (DL3002)"
    for name in ("CMD", "HEALTHCHECK"):
        if name not in seen:
            yield f"Dockerfile: the last stage has no {name}"


def copy_problems(
    item: Instruction, at: str, context: Path, ignore: list[str], stages: list[str]
) -> Iterator[str]:
    """Yield the sources of a COPY that are missing, ignored, outside, or of an unknown stage."""
    source_stage = re.search(r"--from=(\S+)", item.value)
    if source_stage:
        if source_stage[1] not in stages[:-1]:
            yield f"{at} --from={source_stage[1]}: no stage before it has that name (DL3022)"
        return
    *sources, target = item.arguments
    if len(sources) > 1 and not target.endswith("/"):
        yield f"{at} {target}: with several sources the target must end in / (DL3021)"
    for source in sources:
        if ".." in PurePosixPath(source).parts or source.startswith("/"):
            yield f"{at} {source} leaves the build context"
        elif not list(context.glob(source)):
            yield f"{at} {source} does not exist"
        elif is_ignored(source.strip("/"), ignore):
            yield f"{at} {source} is kept out by .dockerignore"


def run_problems(command: str, at: str) -> Iterator[str]:
    """Yield what is wrong with a RUN."""
    if re.search(r"\bsudo\b", command):
        yield f"{at} uses sudo (DL3004)"
    if re.search(r"\bcd\s", command):
        yield f"{at} uses cd: use WORKDIR (DL3003)"
    if re.search(r"\bapt-get\b.*\binstall\b", command):
        if "--no-install-recommends" not in command:
            yield f"{at} apt-get install without --no-install-recommends (DL3015)"
        if "-y" not in shlex.split(command):
            yield f"{at} apt-get install without -y (DL3014)"
        if "rm -rf /var/lib/apt/lists" not in command:
            yield f"{at} leaves apt's lists in the layer (DL3009)"
    if re.search(r"\bapt\s+install\b", command):
        yield f"{at} uses apt, which is for people: use apt-get (DL3027)"
    if re.search(r"(curl|wget)\b.*\|\s*(ba)?sh\b", command):
        yield f"{at} runs a script straight from the network"


def compose_problems(compose: dict[str, Any]) -> Iterator[str]:
    """Yield what is wrong with a compose file: its schema, and rules of ours."""
    schema = resources.files("check_jsonschema") / "builtin_schemas/vendor/compose-spec.json"
    validator = jsonschema.validators.validator_for(json.loads(schema.read_text()))
    for error in validator(json.loads(schema.read_text())).iter_errors(compose):
        yield f"compose.yaml: {'.'.join(map(str, error.path)) or 'top'}: {error.message}"
    services = compose.get("services", {})
    for name, service in services.items():
        at = f"compose.yaml: {name}"
        if problem := image_problem(service.get("image", "none:built"), at):
            yield problem
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
            if not source.startswith((".", "/", "~")) and source not in compose.get("volumes", {}):
                yield f"{at}: volume {source} is not declared"
        for port in service.get("ports", []):
            if not str(port).startswith("127.0.0.1:"):
                yield f"{at}: port {port} is open to everybody: publish it on 127.0.0.1"


def has_health_check(service: dict[str, Any]) -> bool:
    """Tell whether a service has a health check, in the file or in the image that is built."""
    return "healthcheck" in service or "build" in service


def problems(root: Path = ROOT) -> list[str]:
    """Return everything that is wrong with docker/ of a checkout; empty if nothing is."""
    ignore = [
        line
        for line in (root / ".dockerignore").read_text().splitlines()
        if line.strip() and not line.startswith("#")
    ]
    compose = yaml.safe_load((root / "docker/compose.yaml").read_text())
    found = [*dockerfile_problems((root / "docker/Dockerfile").read_text(), root, ignore)]
    found += compose_problems(compose)
    for name, service in compose["services"].items():
        if "build" in service:
            context = root / "docker" / service["build"]["context"]
            if not (context / service["build"]["dockerfile"]).is_file():
                found.append(f"compose.yaml: {name}: there is no {service['build']['dockerfile']}")
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith(".") and not (root / "docker" / source).exists():
                found.append(f"compose.yaml: {name}: {source} does not exist")
    return found


def main() -> int:
    """Print the problems."""
    found = problems()
    for problem in found:
        print(problem)
    if not found:
        print("docker/ is in order, as far as that can be told without an engine.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
