"""A conversation for tests: real bundle, real Redis, its own event loop, plain calls."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from PIL import Image

from bot.dialogue.conversation import Conversation, Message, Turn
from bot.live.bundle import LiveBundle
from bot.sessions.record import SessionRecord
from bot.sessions.store import SessionStore, connect
from bot.settings import Settings
from bot.understanding.interpreter import build_interpreter
from bot.understanding.rasa_project import RasaProject
from embedding.pretrained.sentences import load_sentence_encoder

T = TypeVar("T")
BASE_URL = "http://pictures.test"


class Stage:
    """A running conversation that anybody can talk to."""

    def __init__(
        self, runner: asyncio.Runner, conversation: Conversation, store: SessionStore
    ) -> None:
        self._runner = runner
        self.conversation = conversation
        self.store = store

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)

    def say(self, who: str, text: str = "", image: Image.Image | None = None) -> Turn:
        return self.run(self.conversation.reply(who, Message(text, image)))

    def record(self, who: str) -> SessionRecord:
        async def read() -> SessionRecord:
            async with self.store.turn(who) as record:
                return record.model_copy(deep=True)

        return self.run(read())


@contextmanager
def open_stage(bundles: Path, redis_url: str, cache: Path, **settings: Any) -> Iterator[Stage]:
    """Load the bundle and talk over it until the block ends."""
    project = RasaProject.load()
    with asyncio.Runner() as runner:
        live = LiveBundle(bundles)
        interpreter = build_interpreter(project, load_sentence_encoder(), cache)
        client = connect(redis_url)
        store = SessionStore(client)
        chosen = Settings(public_url=BASE_URL + "/", **settings)
        try:
            runner.run(live.start())
            yield Stage(runner, Conversation(store, live, project, interpreter, chosen), store)
        finally:
            runner.run(live.stop())
            runner.run(client.aclose())


def text_of(turn: Turn) -> str:
    return str(turn.replies[0]["text"])


def facts_of(turn: Turn) -> dict[str, Any]:
    (facts,) = [reply["custom"]["data"] for reply in turn.replies if "custom" in reply]
    assert isinstance(facts, dict)
    return facts


def ids_of(turn: Turn) -> list[str]:
    return [image["id"] for image in facts_of(turn)["images"]]


def captions_of(turn: Turn) -> list[str]:
    return [image["caption"] for image in facts_of(turn)["images"]]


def payloads_of(turn: Turn) -> list[str]:
    return [button["payload"] for button in turn.replies[0].get("buttons", [])]


def said(stage: Stage, name: str, **values: object) -> str:
    """Return what a response of the domain reads with these values."""
    text = stage.conversation._project.render(name, values)["text"]
    assert isinstance(text, str)
    return text


def rasa_call(action: str, who: str, parsed: dict[str, Any] | None = None) -> dict[str, Any]:
    """The body that a Rasa server posts to the action server."""
    tracker = {"sender_id": who, "slots": {}, "latest_message": parsed or {}, "events": []}
    return {
        "next_action": action,
        "sender_id": who,
        "tracker": tracker,
        "domain": RasaProject.load().domain,
        "version": "3.6.21",
    }
