"""Holds a server against its own /openapi.json: every check of schemathesis, on every route.

    python scripts/check_api.py BUNDLES [--examples 20] [--data-dir DIR]

Schemathesis gets an environment of its own in build/schemathesis. Exits with 1 if a check fails.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)  # in the place of this folder

from benchmarks.serving import serve  # noqa: E402

REQUIREMENT = "schemathesis==4.32.5"
TOKEN = "sesame"
# The desk's map takes half a minute to draw.
PATIENCE_S = "120"


def install(environment: Path) -> Path:
    """Return the program, installed unless it is there."""
    program = environment / "bin" / "schemathesis"
    if not program.exists():
        venv.create(environment, clear=True, with_pip=True)
        subprocess.run([environment / "bin" / "pip", "install", "-q", REQUIREMENT], check=True)
    return program


def main() -> int:
    """Serve, check, tell."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("bundles", type=Path)
    parser.add_argument("--examples", default="20", help="for each operation")
    parser.add_argument("--data-dir", type=Path, help="keeps what the server learns")
    given = parser.parse_args()
    environment = ROOT / "build" / "schemathesis"
    program = install(environment)
    settings = {"limit_sender": "", "limit_address": "", "admin_token": TOKEN}
    with serve(given.bundles, given.data_dir, **settings) as server:
        command = [
            *(program, "--config-file", ROOT / "scripts" / "schemathesis.toml"),
            *("run", f"http://127.0.0.1:{server.port}/openapi.json", "--checks", "all"),
            *("--max-examples", given.examples, "--continue-on-failure"),
            *("--request-timeout", PATIENCE_S, "--header", f"Authorization: Bearer {TOKEN}"),
        ]
        # There it keeps what failed.
        return subprocess.run(command, cwd=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
