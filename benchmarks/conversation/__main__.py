"""A conversation that finds the picture: Flickr8k, simulated users, vision alone.

    python -m benchmarks.conversation runs/f8k ../shared/flickr8k --features DATA/cache

The galleries have no captions; targets are the dev images, searched for among the 1,000 of them
and among all 7,000. Exclusions are played once more among the 1,000 with four captions each.
Prints JSON; docs/training.md and docs/experiments.md say what is asked of it.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import torch

from benchmarks.conversation.answers import measure_answers
from benchmarks.conversation.data import RememberingModel, open_world, prepare_model
from benchmarks.conversation.exclusions import simulate_exclusions
from benchmarks.conversation.feedback import simulate_feedback
from benchmarks.conversation.rounds import check_goals, simulate_rounds
from benchmarks.conversation.wrapped import measure_wrapped
from embedding.pretrained.names import load_model

PARTS = ("rounds", "feedback", "exclusions", "wrapped", "answers")


def main() -> None:
    """Build what is not there yet, play, print."""
    parser = argparse.ArgumentParser(prog="benchmarks.conversation", description=__doc__)
    parser.add_argument("model", help="a model, or a run of `showtell train`")
    parser.add_argument("flickr8k", type=Path)
    parser.add_argument("--features", type=Path, help="where training keeps image features")
    parser.add_argument("--cache", type=Path, help="where the bundles stay between runs")
    parser.add_argument("--users", type=int, default=1000, help="how many of the dev images")
    parser.add_argument("--small", action="store_true", help="among the 1,000 alone: minutes")
    parser.add_argument("--only", choices=PARTS, action="append", help="not everything")
    options = parser.parse_args()
    torch.set_num_threads(1)
    wanted = options.only or PARTS
    users = min(options.users, 1000)
    with tempfile.TemporaryDirectory() as scratch:
        cache = options.cache or Path(scratch)
        cache.mkdir(parents=True, exist_ok=True)
        model_dir = prepare_model(options.model, options.flickr8k, cache)
        model = RememberingModel(load_model(model_dir))
        gallery = partial(
            open_world,
            model_dir=model_dir,
            flickr8k=options.flickr8k,
            cache=cache,
            features=options.features,
            model=model,
        )
        worlds = {"dev": gallery("dev")}
        if not options.small:
            worlds["all"] = gallery(None)
        captioned = {}
        if "exclusions" in wanted:
            captioned["dev_with_captions"] = gallery("dev", with_captions=True)
        result: dict[str, Any] = {"model": options.model, "users": users}
        for part in wanted:
            start = time.perf_counter()
            if part == "wrapped":
                result[part] = measure_wrapped(worlds["dev"], min(users, 300), cache)
            else:
                play = {
                    "rounds": simulate_rounds,
                    "feedback": simulate_feedback,
                    "exclusions": simulate_exclusions,
                    "answers": measure_answers,
                }[part]
                played = worlds | captioned if part == "exclusions" else worlds
                result[part] = {name: play(world, users) for name, world in played.items()}
            if part == "rounds" and not options.small:
                result["goals"] = check_goals(*result[part].values())
            print(f"{part}: {time.perf_counter() - start:.0f} s", file=sys.stderr)
        for world in (worlds | captioned).values():
            world.bundle.close()
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
