"""What people notice while bundles are swapped under them.

    python benchmarks/reload.py IMAGES MODEL [--pictures 120] [--reloads 20] [--workers 2]

Two bundles that share no picture are built from the first pictures of a folder. 32 clients chat
without a pause while an operator takes one bundle and then the other, 20 times.

Prints JSON, then a verdict: turns that failed, turns that showed pictures of both bundles, how long
turns took while a bundle was being loaded and at other times, the server's memory after the second
and after the last reload, and how long two workers answered from different bundles. Ends with 1 if
any turn failed or was mixed, if the 99th percentile during reloads is above twice that at other
times, if memory grew by more than a tenth, or if workers were more than two seconds apart.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.serving import (
    Client,
    Server,
    milliseconds,
    percentile,
    processor,
    request_text,
    serve,
)
from embedding.data.decode import IMAGE_SUFFIXES
from embedding.onnx.encoder import load_encoder
from retrieval.bundle.bundle import Bundle, Candidate, build_bundle, list_versions, publish

CLIENTS = 32
TOKEN = "bench"
# A swap ends with the closing of the old bundle, in the background.
PAUSE_S = 2.0
MOST_SLOWER, MOST_GROWN, MOST_APART_S = 2.0, 1.1, 2.0


def build(images: Path, model: Path, bundles: Path, pictures: int) -> dict[str, set[str]]:
    """Build two bundles; return the ids of their pictures by version."""
    files = sorted(path for path in images.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES)
    encoder, found = load_encoder(model), {}
    for first in (0, pictures):
        candidates = [Candidate(path, (), {}) for path in files[first : first + pictures]]
        report = build_bundle(
            candidates, root=images, model_dir=model, bundles=bundles, encoder=encoder
        )
        with Bundle.open(bundles, report.version, verify=False) as bundle:
            rows = bundle.store.pictures(range(len(bundle.store)))
            found[report.version] = {picture.image_id for picture in rows}
    publish(bundles, list_versions(bundles)[0])
    return found


class Scene:
    """32 clients, an operator, and what happened."""

    def __init__(self, server: Server, pictures: dict[str, set[str]], reloads: int) -> None:
        self.server = server
        self.pictures = pictures
        self.reloads = reloads
        self.turns: list[tuple[float, float]] = []  # began, took
        self.swaps: list[tuple[float, float]] = []  # began, ended
        self.failed: list[str] = []
        self.mixed = 0
        self.memory: list[float] = []
        # A worker still had, and had by then, which version.
        self.seen: list[tuple[float, float, str]] = []
        self.is_over = False

    async def play(self) -> None:
        """Chat and reload."""
        async with asyncio.TaskGroup() as group:
            for number in range(CLIENTS):
                group.create_task(self._talk(number))
            if len(self.server.workers) > 1:
                group.create_task(self._look())
            await self._operate()
            self.is_over = True

    async def _operate(self) -> None:
        client, versions = Client(self.server.port), list(self.pictures)
        for number in range(self.reloads):
            await asyncio.sleep(PAUSE_S)
            began = time.perf_counter()
            body = json.dumps({"version": versions[(number + 1) % 2]}).encode()
            head = f"Authorization: Bearer {TOKEN}\r\n"
            answer = await client.post("/admin/reload", body, head=head)
            if answer.status != 200:
                self.failed.append(f"reload: {answer.status} {answer.body[:100]!r}")
            self.swaps.append((began, time.perf_counter()))
            await asyncio.sleep(PAUSE_S)
            self.memory.append(self.server.rss_mb())

    async def _look(self) -> None:
        """Ask over and over, each time over a new connection, which either worker may take."""
        while not self.is_over:
            client = Client(self.server.port)
            answer = await client.get("/readyz")
            client.close()
            now = time.perf_counter()
            self.seen.append((now, now, json.loads(answer.body)["bundle"]))
            await asyncio.sleep(0.02)

    async def _talk(self, number: int) -> None:
        client, turn = Client(self.server.port), 0
        while not self.is_over:
            began = time.perf_counter()
            text = request_text(number * 13 + turn)
            answer = await client.say(f"reload-{number}-{turn}", text)
            turn += 1
            if answer.status != 200:
                self.failed.append(f"{answer.status} {answer.body[:100]!r}")
                continue
            self.turns.append((began, answer.seconds))
            shown = {
                image["id"]
                for reply in json.loads(answer.body)["replies"]
                for image in reply.get("images", ())
            }
            of = [version for version, ids in self.pictures.items() if shown and shown <= ids]
            self.mixed += bool(shown) and not of
            self.seen += [(began, time.perf_counter(), version) for version in of]

    def apart(self) -> list[float]:
        """Return for each reload how many seconds after the new version an old one was seen."""
        starts, lags, versions = [start for start, _ in self.swaps], [], list(self.pictures)
        for number, (start, end) in enumerate(
            zip(starts, [*starts[1:], float("inf")], strict=True)
        ):
            old, new = versions[number % 2], versions[(number + 1) % 2]
            had_new = (by for _, by, version in self.seen if version == new and start < by < end)
            had_old = (
                still for still, _, version in self.seen if version == old and start < still < end
            )
            lags.append(max(0.0, max(had_old, default=start) - min(had_new, default=end)))
        return lags

    def split(self) -> tuple[list[float], list[float]]:
        """Return the seconds of turns that met a reload, and of the others."""
        during: list[float] = []
        outside: list[float] = []
        for began, took in self.turns:
            met = any(start < began + took and began < end for start, end in self.swaps)
            (during if met else outside).append(took)
        return during, outside


def main() -> None:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("images", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("--pictures", type=int, default=120, help="in each bundle")
    parser.add_argument("--reloads", type=int, default=20)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--data-dir", type=Path, help="keeps what the server learns")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bundles = Path(folder) / "bundles"
        pictures = build(given.images, given.model, bundles, given.pictures)
        settings = {"limit_sender": "", "limit_address": "", "admin_token": TOKEN}
        settings |= {"workers": str(given.workers)}
        patient = {"answer_within_s": "600", "lock_timeout_s": "300"}
        with serve(bundles, given.data_dir, **settings, **patient) as server:
            scene = Scene(server, pictures, given.reloads)
            asyncio.run(scene.play())
    during, outside = scene.split()
    slower = (percentile(during, 0.99) or 0) / (percentile(outside, 0.99) or 1)
    apart = max(scene.apart())
    grown = scene.memory[-1] / scene.memory[min(1, len(scene.memory) - 1)]
    figures: dict[str, Any] = {
        "processor": processor(),
        "workers": given.workers,
        "reloads": len(scene.swaps),
        "reload": milliseconds([end - start for start, end in scene.swaps]),
        "turns": len(scene.turns),
        "failed": len(scene.failed),
        "failures": scene.failed[:5],
        "mixed": scene.mixed,
        "during": milliseconds(during),
        "outside": milliseconds(outside),
        "p99_during_in_outside": round(slower, 2),
        "rss_mb": [round(one) for one in scene.memory],
        "rss_last_in_second": round(grown, 3),
        "workers_apart_s": [round(one, 2) for one in scene.apart()],
    }
    print(json.dumps(figures, indent=1))
    is_good = not scene.failed and not scene.mixed
    is_good &= slower <= MOST_SLOWER and grown <= MOST_GROWN and apart <= MOST_APART_S
    verdict = "good" if is_good else "NOT good enough"
    print(
        f"{verdict}: {len(scene.failed)} failed, {scene.mixed} mixed, p99 {slower:.2f} times "
        f"(goal {MOST_SLOWER}), memory {grown:.2f} times (goal {MOST_GROWN}), "
        f"workers {apart:.2f} s apart (goal {MOST_APART_S})"
    )
    sys.exit(not is_good)


if __name__ == "__main__":
    main()
