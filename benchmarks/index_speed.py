"""`showtell index` against the bare image tower on ready batches, measured in one run.

    python benchmarks/index_speed.py ../shared/flickr8k [--pictures 96] [--model photos]

Three rates, in pictures a second of wall time: the tower alone, on pixels that are ready, in as
many threads as the machine has cores (the floor); indexing, from the first picture read to the last
vector written; and torch, as indexing encoded until 0.2.0. Prints JSON and, on standard error, the
verdict. Give it a quiet machine: the ratios hold on a busy one, the rates do not.
"""

import argparse
import json
import platform
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from embedding.onnx.description import FOLDER, Description
from embedding.onnx.encoder import IMAGE, all_cores, load_encoder, open_graph
from embedding.pretrained.names import find_exported, load_model
from retrieval.bundle.build import build_bundle
from retrieval.bundle.sources import Candidate

FLOOR = 0.9
"""Share of the bare tower's rate that indexing must reach."""
TORCH_PICTURES = 16


def bare_rate(model_dir: Path, files: Sequence[Path]) -> float:
    """Return pictures a second of the image graph alone, every core at work."""
    view = Description.read(model_dir / FOLDER).view
    if view is None:
        raise SystemExit("index_speed: the model reads no pictures")
    pixels = [view.read([Image.open(file)]) for file in files]
    graph = open_graph(model_dir / FOLDER / IMAGE)
    graph.run(None, {"pixel_values": pixels[0]})
    with ThreadPoolExecutor(all_cores()) as pool:
        start = time.perf_counter()
        list(pool.map(lambda one: graph.run(None, {"pixel_values": one}), pixels))
        return len(files) / (time.perf_counter() - start)


def index_rate(model_dir: Path, files: Sequence[Path]) -> float:
    """Return pictures a second of indexing without captions, until the last is written."""
    ends: list[float] = []

    def progress(done: int, total: int, what: str) -> None:
        if done <= total and what == "indexing pictures":
            ends.append(time.perf_counter())

    encoder = load_encoder(model_dir, threads=all_cores())
    encoder.encode_images([Image.open(files[0])])  # the graph is open, as for the bare tower
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        build_bundle(
            [Candidate(file) for file in files],
            root=files[0].parent,
            model_dir=model_dir,
            encoder=encoder,
            bundles=Path(folder),
            progress=progress,
        )
    return len(files) / (ends[-1] - start)


def torch_rate(model_dir: Path, files: Sequence[Path]) -> float:
    """Return pictures a second of the same weights in torch, as until 0.2.0: batches of 16."""
    model = load_model(model_dir)
    pictures = [Image.open(file) for file in files[:TORCH_PICTURES]]
    model.encode_images(pictures[:1])
    start = time.perf_counter()
    model.encode_images(pictures)
    return len(pictures) / (time.perf_counter() - start)


def main() -> None:
    """Measure, print JSON and the verdict."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("folder", type=Path, help="holds JPEG files, at any depth")
    parser.add_argument("--pictures", type=int, default=96)
    parser.add_argument("--model", default="photos")
    parser.add_argument("--rounds", type=int, default=3, help="the median of so many counts")
    options = parser.parse_args()
    found = sorted(options.folder.rglob("*.jpg"))
    files = found[:: max(1, len(found) // options.pictures)][: options.pictures]
    model_dir = find_exported(options.model, say=lambda sentence: print(sentence, file=sys.stderr))
    # In turns, so that what else the machine does falls on both alike.
    rounds = [
        (bare_rate(model_dir, files), index_rate(model_dir, files)) for _ in range(options.rounds)
    ]
    bare, indexed = (float(np.median(rates)) for rates in zip(*rounds, strict=True))
    share = float(np.median([index / tower for tower, index in rounds]))
    in_torch = torch_rate(model_dir, files)
    result = {
        "model": options.model,
        "pictures": len(files),
        "cores": all_cores(),
        "processor": platform.processor() or platform.machine(),
        "bare_tower_per_s": round(bare, 2),
        "index_per_s": round(indexed, 2),
        "torch_per_s": round(in_torch, 2),
        "share_of_bare_tower": round(share, 3),
        "times_torch": round(indexed / in_torch, 1),
        "floor": FLOOR,
        "passed": share >= FLOOR,
    }
    print(json.dumps(result, indent=2))
    verdict = "reaches" if share >= FLOOR else "MISSES"
    print(
        f"indexing {verdict} its floor: {share:.2f} of the bare tower (at least {FLOOR}), "
        f"{indexed / in_torch:.1f} x torch",
        file=sys.stderr,
    )


if __name__ == "__main__":
    main()
