"""Play talks against a real server and count those after which the search is as it must be.

    python -m benchmarks.talks.play --bundles BUNDLES

Three lists: the given one (../shared/talks/outcomes.jsonl), one of our own in other words, which
whoever tunes the conversation does not read, and one that was read once it had been played: what
was right then has to stay so. Prints the shares by kind as JSON and one line that says whether all
are high enough; exits 1 if not. The server is that of PYTHONPATH, with a Redis and a data folder of
its own; without --bundles the Flickr8k dev images are indexed first (minutes).
"""

from __future__ import annotations

import argparse
import io
import json
import sys
import tempfile
import uuid
from collections import defaultdict
from pathlib import Path
from typing import Any

import httpx
from PIL import Image

from benchmarks.serving import ROOT, serve
from benchmarks.talks.checks import Answer, Talk, asks, check, clarifies
from benchmarks.talks.gallery import index_dev_images

SHARED = ROOT.parent / "shared"
LISTS = {
    "given": (SHARED / "talks" / "outcomes.jsonl", 0.95),
    "held_out": (Path(__file__).with_name("held_out.jsonl"), 0.90),
    "read": (Path(__file__).with_name("read.jsonl"), 0.97),
}
"""Each list, and the share of its talks that must hold."""
TIMEOUT_S = 120


def main() -> None:
    """Play the lists, print, judge."""
    parser = argparse.ArgumentParser(
        prog="benchmarks.talks.play",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--bundles", type=Path, help="a gallery of everyday photographs")
    parser.add_argument("--flickr8k", type=Path, default=SHARED / "flickr8k")
    parser.add_argument("--cache", type=Path, help="where its dev images stay indexed")
    parser.add_argument("--show", choices=LISTS, action="append", default=[], help="its failures")
    parser.add_argument("--only", choices=LISTS, help="one of the lists")
    parser.add_argument(
        "--llm", nargs=2, metavar=("URL", "MODEL"), help="a language model beside the rules"
    )
    options = parser.parse_args()
    model = dict(zip(("llm_url", "llm_model"), options.llm or (), strict=False))
    names = [options.only] if options.only else list(LISTS)
    with tempfile.TemporaryDirectory(prefix="showtell-talks-") as scratch:
        own = options.cache or Path(scratch) / "gallery"
        bundles = options.bundles or index_dev_images(options.flickr8k, own)
        # Kept with the gallery, a server need not learn to understand for each run.
        with serve(bundles, own / "data", **model) as server:
            report = {name: play_list(server.url, name, options.show) for name in names}
    print(json.dumps(report, indent=2))
    verdicts = [
        f"{name} {report[name]['share']:.3f} (at least {LISTS[name][1]:.2f})" for name in names
    ]
    good = all(report[name]["share"] >= LISTS[name][1] for name in names)
    print(f"talks: {', '.join(verdicts)}: {'good' if good else 'too low'}", file=sys.stderr)
    sys.exit(not good)


def play_list(url: str, name: str, show: list[str]) -> dict[str, Any]:
    """Play the talks of a list.

    Args:
        url: of the server.
        name: of the list.
        show: names of the lists whose failures are printed to the standard error.

    Returns:
        `share` of the talks that hold, how many were `played` and `left` (those that answer a
        question which was not asked), the share of turns that `asked` which pictures are meant, and
        the share of each of the `kinds`.
    """
    lines = LISTS[name][0].read_text(encoding="utf-8").splitlines()
    kinds: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    left, turns, asked = 0, 0, 0
    with httpx.Client(base_url=url, timeout=TIMEOUT_S) as client:
        for expected in map(json.loads, lines):
            try:
                answers = play(client, expected)
            except httpx.HTTPStatusError as error:
                reason: str | None = f"{error}: {error.response.text}"
            else:
                if answers is None:
                    left += 1
                    continue
                turns += len(answers)
                asked += sum(map(clarifies, answers))
                reason = check(Talk(expected, answers, lambda path: _load(client, path)))
            held, played = kinds[expected["kind"]]
            kinds[expected["kind"]] = [held + (reason is None), played + 1]
            if reason and name in show:
                print(f"{expected['kind']}: {expected['say']}: {reason}", file=sys.stderr)
    held, played = map(sum, zip(*kinds.values(), strict=True))
    shares = {kind: f"{good} of {total}" for kind, (good, total) in kinds.items()}
    return {
        "share": round(held / played, 3),
        "played": played,
        "left": left,
        "asked": round(asked / max(turns, 1), 3),
        "kinds": shares,
    }


def play(client: httpx.Client, expected: dict[str, Any]) -> list[Answer] | None:
    """Return the answers to a talk; None where it answers a question that was not asked.

    Raises:
        httpx.HTTPStatusError: the server fails; so does the talk.
    """
    sender, answers = f"talk-{uuid.uuid4().hex}", list[Answer]()
    for text in expected["say"]:
        is_answer = expected.get("after_question") and len(answers) == len(expected["say"]) - 1
        if is_answer and not asks(answers[-1]):
            return None
        response = client.post("/api/messages", data={"sender": sender, "text": text})
        answers.append(response.raise_for_status().json())
    return answers


def _load(client: httpx.Client, path: str) -> Image.Image:
    return Image.open(io.BytesIO(client.get(path).raise_for_status().content))


if __name__ == "__main__":
    main()
