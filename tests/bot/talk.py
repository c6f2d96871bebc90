"""A conversation for tests: real bundle, real Redis, its own event loop, plain calls."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from PIL import Image

from bot.channels.rasa_actions import create_executor
from bot.channels.rasa_wire import parse_result, responses
from bot.dialogue.conversation import Conversation
from bot.dialogue.message import Message, Turn
from bot.live.bundle import LiveBundle
from bot.live.threads import Threads
from bot.rewriting.rewriter import build_rewriter
from bot.sessions.connection import connect
from bot.sessions.questions import QuestionLog
from bot.sessions.record import SessionRecord
from bot.sessions.store import SessionStore
from bot.settings import Settings
from bot.understanding.learned import build_interpreter
from bot.understanding.rasa_project import RasaProject
from embedding.pretrained.sentences import load_sentence_encoder
from retrieval.bundle.catalog import BundleCatalog

T = TypeVar("T")
BASE_URL = "http://pictures.test"


class Stage:
    """A running conversation that anybody can talk to."""

    def __init__(
        self,
        runner: asyncio.Runner,
        conversation: Conversation,
        store: SessionStore,
        rewrites: list[str],
        questions: QuestionLog,
    ) -> None:
        self._runner = runner
        self.questions = questions
        self.rewrites = rewrites
        self.conversation = conversation
        self.store = store
        self.actions = create_executor(conversation, BASE_URL)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)

    def say(self, who: str, text: str = "", image: Image.Image | None = None) -> Turn:
        return self.run(self.conversation.reply(who, Message(text, encode(image))))

    def parse(self, text: str) -> dict[str, Any]:
        """Understand for a Rasa server."""
        return parse_result(self.run(self.conversation.read(text)))

    def act(self, call: dict[str, Any]) -> list[dict[str, Any]]:
        """Act for a Rasa server; return the responses."""
        result = self.run(self.actions.run(call))
        assert result is not None
        assert result.events == []
        return list(result.responses)

    def record(self, who: str) -> SessionRecord:
        async def read() -> SessionRecord:
            async with self.store.turn(who) as record:
                return record.model_copy(deep=True)

        return self.run(read())


@contextmanager
def open_stage(
    bundles: Path,
    redis_url: str,
    cache: Path,
    *,
    language: str = "en",
    models: Path | None = None,
    **settings: Any,
) -> Iterator[Stage]:
    """Load the bundle and talk over it, in a language, until the block ends."""
    project = RasaProject.load(language=language)
    chosen = Settings(public_url=BASE_URL + "/", **settings)
    with asyncio.Runner() as runner:
        live = LiveBundle(BundleCatalog(bundles), models=models)
        interpreter = build_interpreter(project, load_sentence_encoder(), cache)
        client = connect(redis_url)
        store = SessionStore(client)
        threads, outcomes = Threads(1, "pictures"), list[str]()
        rewriter = build_rewriter(chosen, outcomes.append)
        try:
            runner.run(live.start())
            questions = QuestionLog(client, chosen.keep_questions_days, "key")
            conversation = Conversation(
                store, live, project, interpreter, chosen, threads, rewriter, questions
            )
            yield Stage(runner, conversation, store, outcomes, questions)
        finally:
            runner.run(questions.close())
            runner.run(rewriter.close())
            runner.run(threads.close())
            runner.run(live.stop())
            runner.run(client.aclose())


def encode(image: Image.Image | None) -> bytes | None:
    """Return a picture as the bytes of a file."""
    if image is None:
        return None
    file = io.BytesIO()
    image.save(file, "TIFF")
    return file.getvalue()


def replies_of(turn: Turn) -> list[dict[str, Any]]:
    """Return what is said in the form of Rasa's channels."""
    return responses(turn.said, BASE_URL, RasaProject.load())


def text_of(turn: Turn) -> str:
    return str(turn.said[0].filled["text"])


def label_of(turn: Turn) -> str:
    (label,) = [said.query for said in turn.said if said.pictures]
    return label


def ids_of(turn: Turn) -> list[str]:
    (pictures,) = [said.pictures for said in turn.said if said.pictures]
    return [hit.image_id for hit in pictures]


def captions_of(turn: Turn) -> list[str]:
    return [hit.caption for said in turn.said for hit in said.pictures]


def payloads_of(turn: Turn) -> list[str]:
    return [choice.payload for choice in turn.said[0].choices]


def said(stage: Stage, name: str, **values: object) -> str:
    """Return what a response of the domain reads with these values."""
    text = stage.conversation.project.render(name, values)["text"]
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
