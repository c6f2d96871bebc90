"""How long `showtell serve` takes until it answers, and what it needs, for the demo gallery.

    python benchmarks/start.py [--data .showtell] [--starts 5]

Makes the demo gallery first, if it is not there. Prints JSON with the median seconds from the
command to `/readyz`, the processor's seconds in that time (which other work on the machine does not
change much), and the memory after a few messages; on standard error, the verdict.
"""

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import httpx

MOST_SECONDS = 3.0
MOST_MEGABYTES = 500
HEAVY = ("libtorch", "transformers")
QUESTIONS = ("a dog", "something sweet to eat", "not that one", "more like the second one")


def free_port() -> int:
    """Return a port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def start_once(bundles: Path, environment: dict[str, str]) -> dict[str, float]:
    """Start a server, talk to it, end it; return seconds, processor seconds and megabytes."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    began = time.perf_counter()
    server = subprocess.Popen(
        [sys.executable, "-m", "bot", "serve", "--bundles", bundles, "--port", str(port)],
        env=environment,
        stderr=subprocess.DEVNULL,
    )
    try:
        while not is_ready(url):
            if server.poll() is not None:
                raise SystemExit(f"start: the server ended with {server.returncode}")
            time.sleep(0.01)
        seconds = time.perf_counter() - began
        ticks = Path(f"/proc/{server.pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]
        for text in QUESTIONS:
            form = {"sender": "benchmark-of-the-start", "text": text}
            httpx.post(f"{url}/api/messages", data=form, timeout=60).raise_for_status()
        status = Path(f"/proc/{server.pid}/status").read_text()
        loaded = Path(f"/proc/{server.pid}/maps").read_text()
        if any(name in loaded for name in HEAVY):
            raise SystemExit("start: torch or transformers is in the server's process")
        resident = next(line for line in status.splitlines() if line.startswith("VmRSS"))
        return {
            "seconds": seconds,
            "processor_seconds": sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK"),
            "megabytes": int(resident.split()[1]) / 1024,
        }
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(30)


def is_ready(url: str) -> bool:
    """Tell whether the server answers."""
    try:
        return httpx.get(f"{url}/readyz", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def main() -> None:
    """Measure, print JSON and the verdict."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--data", type=Path, default=Path(".showtell"), help="the data folder")
    parser.add_argument("--starts", type=int, default=5)
    options = parser.parse_args()
    data = options.data.resolve()
    environment = {**os.environ, "SHOWTELL_DATA_DIR": str(data)}
    command = [sys.executable, "-m", "bot", "demo", "--prepare-only"]
    subprocess.run(command, env=environment, check=True)
    runs = [start_once(data / "demo" / "bundles", environment) for _ in range(options.starts)]
    figures = {name: round(median(run[name] for run in runs), 2) for name in runs[0]}
    passed = figures["seconds"] <= MOST_SECONDS and figures["megabytes"] <= MOST_MEGABYTES
    floors = {"most_seconds": MOST_SECONDS, "most_megabytes": MOST_MEGABYTES}
    print(json.dumps({"starts": len(runs), **figures, **floors, "passed": passed}, indent=2))
    print(
        f"the start {'keeps' if passed else 'MISSES'} its bounds: {figures['seconds']:g} s "
        f"(at most {MOST_SECONDS:g}), {figures['megabytes']:.0f} MB (at most {MOST_MEGABYTES})",
        file=sys.stderr,
    )


if __name__ == "__main__":
    main()
