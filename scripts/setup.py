"""Install the pinned requirements into the environment this runs in, and never the wrong torch.

Usage: `python scripts/setup.py [--dev]`, or `make setup`. Plain `pip install torch` takes several
GB of CUDA packages on Linux where the registry's default build is the CUDA one. This asks pip what
it would take before it takes it.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
CUDA_REFUSED = """\
pip would take the CUDA build of {torch}, with several GB of packages that Showtell does not need.
For the CPU build, find the address of PyTorch's CPU packages on pytorch.org ("Get Started", Compute
Platform: CPU) and run:   make demo TORCH_INDEX=<that address>
For the CUDA build on purpose:   make demo TORCH_BUILD=cuda"""


def pinned_torch() -> str:
    """Return the torch requirement of requirements.lock, such as `torch==2.13.0`."""
    lock = (ROOT / "requirements.lock").read_text()
    match = re.search(r"^torch==\S+", lock, flags=re.MULTILINE)
    if match is None:
        raise SystemExit("requirements.lock pins no torch; run `make lock`.")
    return match.group()


def torch_source(torch: str) -> list[str]:
    """Return the pip arguments that find the wanted build of torch, or stop with a way out."""
    index = os.environ.get("TORCH_INDEX")
    arguments = ["--index-url", index] if index else []
    report = subprocess.run(
        [*PIP, "install", "--dry-run", "-qq", "--no-deps", "--report", "-", *arguments, torch],
        stdout=subprocess.PIPE,
        text=True,
    )
    if report.returncode:
        raise SystemExit(f"pip finds no {torch} for Python {sys.version.split()[0]} (see above).")
    needs = [
        need
        for item in json.loads(report.stdout)["install"]
        for need in item["metadata"].get("requires_dist", [])
    ]
    # The registry's Linux wheel names its CUDA packages; markers keep them off other systems.
    is_cuda = sys.platform == "linux" and any(re.match(r"(nvidia|cuda)-", need) for need in needs)
    if is_cuda and os.environ.get("TORCH_BUILD") != "cuda":
        raise SystemExit(CUDA_REFUSED.format(torch=torch))
    return arguments


def install(what: str, *arguments: str) -> None:
    """Run one pip install, show how many packages are there, and say how long it took."""
    print(f"Installing {what} …", flush=True)
    started = time.monotonic()
    # --no-input: a question nobody sees would hang; -v off: one line a package is progress enough.
    command = [*PIP, "install", "--no-input", "--progress-bar=off", *arguments]
    log: list[str] = []
    packages = 0
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as pip:
        assert pip.stdout is not None, "stdout is a pipe"
        for line in pip.stdout:
            log.append(line)
            if line.startswith("Collecting "):
                packages += 1
                name = line.split()[1].split("==")[0]
                if sys.stdout.isatty():
                    print(f"\r\x1b[K  {packages} packages · {name}", end="", flush=True)
                elif packages % 25 == 0:
                    print(f"  {packages} packages …", flush=True)
            elif line.startswith("Installing collected packages") and sys.stdout.isatty():
                print("\r\x1b[K  unpacking …", end="", flush=True)
    if pip.returncode:
        raise SystemExit("".join(log[-30:]) + f"Could not install {what}; pip says why above.")
    end = "\r\x1b[K" if sys.stdout.isatty() else ""
    print(f"{end}  done in {time.monotonic() - started:.0f} s", flush=True)


def install_chromium() -> None:
    """See that a Chromium is there for the browser tests: by apt as root, else by name."""
    if os.environ.get("CHROMIUM") or shutil.which("chromium"):
        return
    if os.geteuid() == 0 and shutil.which("apt-get"):
        print("Installing chromium (apt) …", flush=True)
        subprocess.run(["apt-get", "update", "-qq"], check=True)
        subprocess.run(
            ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium"],
            check=True,
            stdout=subprocess.DEVNULL,
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        )
    else:
        print(
            "No chromium here: install it, or name one with CHROMIUM=; the browser tests need it."
        )


def main() -> None:
    """Install what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dev", action="store_true", help="also what the tests and linters need")
    parser.add_argument(
        "--requirements-only", action="store_true", help="not showtell itself (for image layers)"
    )
    options = parser.parse_args()
    if sys.version_info < (3, 11):  # noqa: UP036 - runs before pip could check it
        raise SystemExit(f"Showtell needs Python 3.11 or newer, this is {sys.version.split()[0]}.")
    torch = pinned_torch()
    install(f"{torch} (the largest piece)", *torch_source(torch), torch)
    install("the other pinned requirements", "-r", str(ROOT / "requirements.lock"))
    if options.dev:
        install("the tools for tests", "-r", str(ROOT / "requirements-dev.lock"))
        install_chromium()
    if not options.requirements_only:
        install("showtell", "--no-deps", "--no-build-isolation", "-e", str(ROOT))


if __name__ == "__main__":
    main()
