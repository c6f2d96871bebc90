"""The first journey, as a newcomer takes it: a fresh clone, `make demo`, a question, and once more.

Clones HEAD into a temporary folder, so that neither the environment nor the data of this checkout
helps. Prints JSON with the seconds until the server was ready the first and the second time.
`--keep FOLDER` clones there and leaves what was made: the tests' journeys through a demo then need
no other one (`SHOWTELL_TEST_DEMO=FOLDER/.showtell make test`).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PATIENCE_S = 900
QUESTIONS = ("something sweet to eat", "a dog", "I want to congratulate her")


def free_port() -> int:
    """Return a port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def ask(url: str, text: str) -> list[str]:
    """Return the captions of the pictures that a message is answered with."""
    body = urllib.parse.urlencode({"sender": f"check-{time.time_ns()}", "text": text}).encode()
    with urllib.request.urlopen(f"{url}/api/messages", body, timeout=30) as response:
        replies = json.load(response)["replies"]
    return [image["caption"] for reply in replies for image in reply.get("images", [])]


def run_demo(clone: Path) -> tuple[float, dict[str, list[str]]]:
    """Run `make demo` until it answers; return the seconds it took and what it answered."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    environment = {k: v for k, v in os.environ.items() if not k.startswith("SHOWTELL_")}
    started = time.monotonic()
    demo = subprocess.Popen(
        ["make", "demo", f"PORT={port}"], cwd=clone, env=environment, start_new_session=True
    )
    try:
        while True:
            if demo.poll() is not None:
                raise SystemExit(f"`make demo` ended with {demo.returncode} before it was ready.")
            try:
                urllib.request.urlopen(f"{url}/readyz", timeout=5).close()
                break
            except (urllib.error.URLError, TimeoutError, ConnectionError):
                if time.monotonic() - started > PATIENCE_S:
                    raise SystemExit(f"`make demo` is not ready after {PATIENCE_S} s.") from None
                time.sleep(0.2)
        seconds = time.monotonic() - started
        return seconds, {text: ask(url, text) for text in QUESTIONS}
    finally:
        # The group, as a terminal's Ctrl-C does: make and the server both.
        os.killpg(demo.pid, signal.SIGINT)
        demo.wait(timeout=30)


def main() -> int:
    """Take the journey twice."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="clone there, and leave it")
    kept: Path | None = parser.parse_args().keep
    with tempfile.TemporaryDirectory(prefix="showtell-clone-") as folder:
        clone = kept or Path(folder) / "showtell"
        shutil.rmtree(clone, ignore_errors=True)
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        first, answers = run_demo(clone)
        second, again = run_demo(clone)
    print(
        json.dumps(
            {
                "first_ready_s": round(first, 1),
                "second_ready_s": round(second, 1),
                "answers": answers,
            },
            indent=2,
            ensure_ascii=False,
        )
    )
    silent = [text for text, captions in {**answers, **again}.items() if not captions]
    if silent:
        print(f"No pictures for: {', '.join(silent)}.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
