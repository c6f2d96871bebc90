"""What models cost in ONNX Runtime, in one run: pictures, requests, memory, room on disk.

    python benchmarks/model_cost.py photos photos-light --pictures ../shared/flickr8k

Each model works in a process of its own and in one thread, in turns; the medians of three rounds
are printed as JSON. Times are those of the processor, so that what else the machine does matters
less. Memory is what is held when both sides have worked.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.serving import Server, processor, request_text
from embedding.onnx.description import FOLDER
from embedding.onnx.encoder import load_encoder
from embedding.pretrained.names import find_exported

ROUNDS, PICTURES, REQUESTS = 3, 16, 48


def cpu_seconds(work: Callable[[], object]) -> float:
    """Return the CPU time of doing something once."""
    start = time.process_time()
    work()
    return time.process_time() - start


def cost(model_dir: Path, files: Sequence[Path]) -> dict[str, float]:
    """Return what the model of a directory costs this process, in one thread.

    Args:
        model_dir: with its graphs.
        files: pictures; the first warms up and does not count.
    """
    encoder = load_encoder(model_dir)
    first, *pictures = [Image.open(file).convert("RGB") for file in files]
    said = [request_text(number) for number in range(REQUESTS)]
    encoder.encode_images([first])
    encoder.encode_text(said[:1])
    looking = cpu_seconds(lambda: encoder.encode_images(pictures))
    reading = cpu_seconds(lambda: [encoder.encode_text([text]) for text in said])
    return {
        "pictures_per_cpu_s": len(pictures) / looking,
        "request_cpu_ms": 1000 * reading / REQUESTS,
        "memory_mb": Server("", os.getpid()).rss_mb(),
    }


def main() -> None:
    """Measure the models in turns and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("models", nargs="+", help="names, runs or directories")
    parser.add_argument("--pictures", type=Path, required=True, help="holds JPEG files")
    parser.add_argument("--alone", action="store_true", help="measure here, once: a directory")
    given = parser.parse_args()
    files = sorted(given.pictures.rglob("*.jpg"))[: 1 + PICTURES]
    if given.alone:
        print(json.dumps(cost(Path(given.models[0]), files)))
        return
    places = {model: find_exported(model) for model in given.models}
    rounds: dict[str, list[dict[str, float]]] = {model: [] for model in places}
    for _ in range(ROUNDS):
        for model, place in places.items():
            command = [sys.executable, __file__, str(place), "--alone", "--pictures"]
            found = subprocess.run([*command, str(given.pictures)], check=True, capture_output=True)
            rounds[model].append(json.loads(found.stdout))
    figures = {
        model: {
            **{name: round(median(one[name] for one in each), 2) for name in each[0]},
            "graphs_mb": round(
                sum(file.stat().st_size for file in (places[model] / FOLDER).rglob("*.onnx*")) / 1e6
            ),
        }
        for model, each in rounds.items()
    }
    print(json.dumps({"processor": processor(), "models": figures}, indent=2))


if __name__ == "__main__":
    main()
