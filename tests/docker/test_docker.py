"""docker/ as far as that goes without an engine: its rules, its sources, each command in it."""

import re
import shutil
import subprocess
import sys
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.check_docker import (
    ROOT,
    compose_problems,
    copy_problems,
    is_ignored,
    parse_dockerfile,
    problems,
)

DOCKERFILE = (ROOT / "docker/Dockerfile").read_text()
COMPOSE_TEXT = (ROOT / "docker/compose.yaml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(COMPOSE_TEXT)
IGNORE = [
    line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")
]
BIN = Path(sys.executable).parent
# What hadolint is there to see; each line breaks one rule.
BAD = """FROM python
ADD bot bot
COPY --from=nowhere /a /a
COPY bot docs there
WORKDIR app
RUN apt-get install git
RUN cd /tmp && ls
ENV ADMIN_TOKEN=hunter2
CMD showtell
USER root
"""
CODES = {"DL3002", "DL3003", "DL3000", "DL3006", "DL3014", "DL3015", "DL3020", "DL3021", "DL3022",
         "DL3025", "DL3064"}  # fmt: skip


def lint(path: Path) -> tuple[int, str]:
    """Run hadolint as `make lint` does."""
    command = [BIN / "hadolint", "--no-color", path]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.returncode, done.stdout


def test_docker_folder_is_in_order() -> None:
    assert problems() == []
    assert lint(ROOT / "docker/Dockerfile") == (0, "")
    schema = ["--builtin-schema", "vendor.compose-spec", ROOT / "docker/compose.yaml"]
    subprocess.run([BIN / "check-jsonschema", "--quiet", *schema], check=True)


def test_a_bad_dockerfile_is_named(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(BAD)
    status, told = lint(tmp_path / "Dockerfile")
    assert status == 1
    assert set(re.findall(r"DL\d+", told)) >= CODES


@pytest.mark.parametrize(
    ("instruction", "ignored", "part"),
    [
        ("COPY nowhere bot", [], "nowhere does not exist"),
        ("COPY ../shared bot", [], "leaves the build context"),
        ("COPY /etc bot", [], "leaves the build context"),
        ("COPY bot bot", ["*", "!docs"], "kept out"),
    ],
)
def test_a_source_that_does_not_reach_the_build_is_named(
    instruction: str, ignored: list[str], part: str
) -> None:
    (problem,) = copy_problems(f"FROM a:1\n{instruction}\n", ROOT, ignored)
    assert part in problem


@pytest.mark.parametrize(
    ("service", "part"),
    [
        ({"image": "redis"}, "changes by itself"),
        ({"image": "redis:latest"}, "changes by itself"),
        ({"image": "redis:7", "ports": ["8000:8000"]}, "open to everybody"),
        ({"image": "redis:7", "privileged": True}, "rights of root"),
        ({"image": "redis:7", "environment": {"ADMIN_TOKEN": "hunter2"}}, "holds a secret"),
        ({"image": "redis:7", "volumes": ["lost:/data"]}, "lost is not declared"),
        ({"image": "redis:7", "volumes": ["./lost:/data"]}, "./lost does not exist"),
        (
            {"image": "redis:7", "depends_on": {"gone": {"condition": "service_started"}}},
            "gone, which is no service",
        ),
        (
            {"image": "redis:7", "depends_on": {"mute": {"condition": "service_healthy"}}},
            "no health check",
        ),
    ],
)
def test_bad_compose_is_named(service: dict[str, Any], part: str) -> None:
    compose = {"services": {"it": service, "mute": {"image": "busybox:1"}}}
    found = list(compose_problems(compose))
    assert any(part in problem for problem in found), found


@pytest.mark.parametrize(
    ("path", "kept_out"),
    [
        ("bot/commands/main.py", False),
        ("bot/widget/widget.js", False),
        ("bot/channels/__pycache__", True),
        ("scripts/setup.py", False),
        ("scripts/lock.py", True),
        (".env", True),
        (".git", True),
        ("runs/f8k/model.safetensors", True),
    ],
)
def test_dockerignore_keeps_out_all_but_the_source(path: str, kept_out: bool) -> None:
    assert is_ignored(path, IGNORE) is kept_out


def showtell_commands() -> list[str]:
    """Every showtell command of docker/, those in the comments too."""
    lines = re.sub(r'", ?"', " ", DOCKERFILE + COMPOSE_TEXT).replace('"', "").splitlines()
    found = [re.search(r"\bshowtell ([a-z]+ .*--.*)", line) for line in lines]
    return sorted({match[1].rstrip("]") for match in found if match})


def test_commands_are_found() -> None:
    assert len(showtell_commands()) >= 4, showtell_commands()


@pytest.mark.parametrize("command", showtell_commands())
def test_showtell_command_knows_its_options(command: str) -> None:
    name = command.split()[0]
    showtell = Path(sys.executable).parent / "showtell"
    helped = subprocess.run(
        [showtell, name, "--help"],
        capture_output=True,
        text=True,
        env={"COLUMNS": "200", "PATH": "/usr/bin:/bin", "HOME": "/nonexistent"},
    )
    assert helped.returncode == 0, helped.stderr
    for option in re.findall(r"--[a-z-]+", command):
        assert re.search(rf"{option}\b", helped.stdout), f"showtell {name} has no {option}"


def test_setup_script_knows_its_option() -> None:
    run = next(i for i in parse_dockerfile(DOCKERFILE) if "setup.py" in i.value and i.name == "RUN")
    script, *options = run.arguments[1:]
    helped = subprocess.run(
        [sys.executable, ROOT / script, "--help"], capture_output=True, text=True, check=True
    )
    for option in options:
        assert option in helped.stdout, f"{script} has no {option}"


def health_checks() -> dict[str, str]:
    """The Python code of each health check, by whose it is."""
    image = next(i for i in parse_dockerfile(DOCKERFILE) if i.name == "HEALTHCHECK")
    command = re.search(r'"-c", "(.+)"\]', image.value)
    assert command is not None
    return {"image": command[1], "rasa": COMPOSE["services"]["rasa"]["healthcheck"]["test"][3]}


@pytest.mark.parametrize("whose", ["image", "rasa"])
@pytest.mark.parametrize("status", [200, 503])
def test_health_check_tells_well_from_ill(whose: str, status: int) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        code, changed = re.subn(
            r"127\.0\.0\.1:\d+", f"127.0.0.1:{server.server_port}", health_checks()[whose]
        )
        ended = subprocess.run([sys.executable, "-c", code], capture_output=True).returncode
        server.shutdown()
        thread.join()
    assert changed == 1
    assert (ended == 0) is (status == 200)


def test_rasa_gets_every_variable_it_reads() -> None:
    endpoints = yaml.safe_load((ROOT / "bot/rasa/endpoints.yml").read_text())
    wanted = set(re.findall(r"\$\{(\w+)\}", yaml.safe_dump(endpoints)))
    assert wanted
    for service in ("rasa-train", "rasa"):
        assert wanted | {"SHOWTELL_URL"} <= set(COMPOSE["services"][service]["environment"])


def test_rasa_starts_from_files_that_exist() -> None:
    options = COMPOSE["services"]["rasa-train"]["command"] + COMPOSE["services"]["rasa"]["command"]
    paths = [option.split("=/project/")[1] for option in options if "=/project/" in option]
    assert len(paths) == 5
    for path in paths:
        assert (ROOT / "bot/rasa" / path).exists(), f"bot/rasa/{path} does not exist"


def test_copied_sources_make_a_whole_wheel(tmp_path: Path) -> None:
    """What COPY brings is enough for the image's pip install, and all that is served is in it."""
    build = tmp_path / "src"
    for item in parse_dockerfile(DOCKERFILE):
        if item.name != "COPY" or "--from" in item.value:
            continue
        *sources, target = item.arguments
        for source in sources:
            place = build / target / Path(source).name if target.endswith("/") else build / target
            place.parent.mkdir(parents=True, exist_ok=True)
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, place)
            else:
                shutil.copy(ROOT / source, place)
    pip = [sys.executable, "-m", "pip", "wheel", "--disable-pip-version-check", "--quiet"]
    offline = ["--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, *offline, "--wheel-dir", tmp_path, build], check=True)
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        names = set(wheel.namelist())
    served = {
        "bot/commands/main.py",
        "bot/rasa/domain.yml",
        "bot/rasa/data/nlu.yml",
        "bot/rasa/data/rules.yml",
        "bot/rasa/components/showtell.py",
    }
    read = ("bot/widget/*", "bot/desk/page/*", "embedding/recipes/*", "embedding/evaluation/*.html")
    read += ("embedding/languages/*.tsv", "retrieval/postgres/migrations/*.sql")
    read += ("retrieval/search/*.yml", "retrieval/search/*.txt")
    for pattern in read:
        files = [path for path in ROOT.glob(pattern) if path.is_file()]
        assert files, f"there is no {pattern}"
        served |= {path.relative_to(ROOT).as_posix() for path in files}
    assert served <= names, f"not in the image: {served - names}"
