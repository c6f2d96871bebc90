"""What one would take instead, beside ours: the same weights, the same work, in one run.

    python -m benchmarks.peers BUNDLES PICTURES --data-dir DIR [--model photos-light]

- texts: sentence-transformers' `encode` beside the encoder that understands messages, both MiniLM;
- pictures: the loop of rclip (Pillow, torch, eight pictures at a time) beside `showtell index`;
- action: rasa-sdk's action server beside ours, a custom action after a talk of forty messages.

Prints JSON: what one costs in milliseconds of CPU time, each the median of three rounds in turns,
and how many times ours the other is. A picture is what one more costs: what 48 take less what 16
take. Ends with 1 where ours costs more.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from PIL import Image
from rasa_sdk import Action
from rasa_sdk.executor import ActionExecutor

from benchmarks.serving import Client, Server, environment, processor, request_text
from scripts.test_rasa.servers import answers, free_port

ROUNDS, TEXTS, CALLS = 3, 384, 300
FEW, MANY, AT_ONCE = 16, 48, 8
Cost = Callable[[], float]
"""Does the work once; returns milliseconds of CPU time for each thing."""


class Hello(Action):
    """The custom action."""

    def name(self) -> str:
        """Return its name."""
        return "action_hello"

    def run(self, dispatcher: Any, _tracker: Any, _domain: Any) -> list[dict[str, Any]]:
        """Utter something and set a slot."""
        dispatcher.utter_message(text="Hello!")
        return [{"event": "slot", "name": "greeted", "value": True}]


def here(work: Callable[[], object], count: int) -> Cost:
    """Return the cost of each of so many things that are done in this process."""

    def cost() -> float:
        start = time.process_time()
        work()
        return 1000 * (time.process_time() - start) / count

    return cost


def texts() -> tuple[Cost, Cost]:
    """Return what a text costs us and sentence-transformers."""
    from sentence_transformers import SentenceTransformer

    from embedding.pretrained.names import shipped_model_path
    from embedding.pretrained.sentences import load_sentence_encoder

    said = [request_text(number) for number in range(TEXTS)]
    ours = load_sentence_encoder()
    theirs = SentenceTransformer(str(shipped_model_path("minilm")), device="cpu")
    return here(lambda: ours.encode_sentences(said), TEXTS), here(
        lambda: theirs.encode(said), TEXTS
    )


def pictures(model: str, files: Sequence[Path]) -> tuple[Cost, Cost]:
    """Return what one more picture costs `showtell index` and a loop in torch."""
    from embedding.onnx.encoder import all_cores, load_encoder
    from embedding.pretrained.names import find_exported, load_model
    from retrieval.bundle.build import build_bundle
    from retrieval.bundle.sources import Candidate

    model_dir = find_exported(model)
    theirs, ours = load_model(model_dir), load_encoder(model_dir, threads=all_cores())

    def index(some: Sequence[Path]) -> None:
        root = some[0].parent
        with tempfile.TemporaryDirectory() as folder:
            candidates = [Candidate(file) for file in some]
            build_bundle(
                candidates, root=root, model_dir=model_dir, encoder=ours, bundles=Path(folder)
            )

    def loop(some: Sequence[Path]) -> None:
        for first in range(0, len(some), AT_ONCE):
            theirs.encode_images([Image.open(file) for file in some[first : first + AT_ONCE]])

    def one_more(work: Callable[[Sequence[Path]], None]) -> Cost:
        few = here(lambda: work(files[:FEW]), MANY - FEW)
        many = here(lambda: work(files[:MANY]), MANY - FEW)
        return lambda: many() - few()

    return one_more(index), one_more(loop)


@contextmanager
def action_server(data_dir: Path, *command: str | Path) -> Iterator[Server]:
    """Run one with the custom action: a command that takes its port last."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", *map(str, command), str(port)],
        env=environment(data_dir=str(data_dir.resolve()), log_level="ERROR"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while not answers(f"http://127.0.0.1:{port}/health"):
            time.sleep(0.2)
        yield Server(f"http://127.0.0.1:{port}", process.pid)
    finally:
        process.terminate()
        process.wait(timeout=60)


def serve_actions(bundles: Path, port: int) -> None:
    """Run our action server, with the custom action, until it is ended."""
    from bot.channels import rasa_actions
    from bot.dialogue.conversation import Conversation
    from bot.server.run import run_server
    from bot.settings import load_settings

    own = rasa_actions.create_executor

    def with_hello(conversation: Conversation, base_url: str) -> ActionExecutor:
        executor = own(conversation, base_url)
        executor.register_action(Hello())
        return executor

    rasa_actions.create_executor = with_hello
    run_server(load_settings(bundles=bundles, port=port), only_actions=True)


def call_action(server: Server) -> Cost:
    """Return what a call of the custom action costs a server."""
    said = [{"event": "user", "text": request_text(number)} for number in range(40)]
    intent = {"name": "greet", "confidence": 1.0}
    latest = {"text": "hello", "intent": intent, "entities": []}
    tracker = {"sender_id": "anna", "slots": {}, "latest_message": latest, "events": said}
    call = {"next_action": "action_hello", "sender_id": "anna", "tracker": tracker, "domain": {}}
    body = json.dumps(call).encode()

    async def ask() -> None:
        client = Client(server.port)
        for _ in range(CALLS):
            answer = await client.post("/webhook", body)
            assert json.loads(answer.body)["responses"][0]["text"] == "Hello!", answer
        client.close()

    def cost() -> float:
        start = server.cpu_s()
        asyncio.run(ask())
        return 1000 * (server.cpu_s() - start) / CALLS

    return cost


def compare(costs: tuple[Cost, Cost]) -> dict[str, float]:
    """Return the medians of rounds in turns, after one that warms up, and their ratio."""
    rounds = [[cost() for cost in costs] for _ in range(1 + ROUNDS)][1:]
    ours, other = (median(column) for column in zip(*rounds, strict=True))
    times = median(other / ours for ours, other in rounds)
    return {"ours_ms": round(ours, 2), "other_ms": round(other, 2), "times": round(times, 2)}


def main() -> int:
    """Measure, print, judge."""
    if sys.argv[1:2] == ["--serve"]:
        serve_actions(Path(sys.argv[2]), int(sys.argv[3]))
        return 0
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("bundles", type=Path)
    parser.add_argument("folder", type=Path, help="holds JPEG files, at any depth")
    parser.add_argument("--model", default="photos-light")
    parser.add_argument("--data-dir", type=Path, required=True, help="keeps what ours learns")
    given = parser.parse_args()
    files = sorted(given.folder.resolve().rglob("*.jpg"))[:MANY]
    figures = {"texts": compare(texts()), "pictures": compare(pictures(given.model, files))}
    with (
        action_server(
            given.data_dir, "benchmarks.peers", "--serve", given.bundles.resolve()
        ) as ours,
        action_server(
            given.data_dir, "rasa_sdk", "--actions", "benchmarks.peers", "--port"
        ) as theirs,
    ):
        figures["action"] = compare((call_action(ours), call_action(theirs)))
    print(json.dumps({"processor": processor(), "model": given.model, **figures}, indent=1))
    dearer = [name for name, row in figures.items() if row["times"] < 1]
    print(f"NOT good enough: {', '.join(dearer)}" if dearer else "good: nothing costs more here")
    return int(bool(dearer))


if __name__ == "__main__":
    sys.exit(main())
