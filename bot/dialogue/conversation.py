"""The conversation: one message in, what is said out, whatever the channel.

A message is read, decided on and answered within one turn of its sender's session. A Rasa server
in front of us uses two doors here instead: `read` understands for it, `act` acts for it. Both do
what `reply` does.
"""

from __future__ import annotations

import dataclasses
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

from bot.dialogue.draft import Draft
from bot.dialogue.perform import perform
from bot.dialogue.replies import Said, Words
from bot.errors import MessageRefused
from bot.live.bundle import LiveBundle
from bot.live.serving import Serving
from bot.live.threads import Threads
from bot.rewriting.rewriter import Rewriter
from bot.sessions.record import SessionRecord
from bot.sessions.store import SessionStore
from bot.sessions.uploads import shrink_upload
from bot.settings import Settings
from bot.stages import stage
from bot.understanding.interpreter import Interpreter
from bot.understanding.meaning import Meaning, decide
from bot.understanding.operations import Operation
from bot.understanding.rasa_project import RasaProject
from bot.understanding.reading import SEARCH, Reading, Span
from retrieval.bundle.bundle import Bundle
from retrieval.search.query import Query

__all__ = ["Conversation", "Message", "Turn", "check_message"]


@dataclass(frozen=True)
class Message:
    """What somebody sent.

    Attributes:
        text: words; empty where there is a picture or a filter.
        picture: an uploaded file, or its bytes.
        filters: conditions that the sender's program set, (key, value).
        secret: of who began the conversation; empty where it is open.
    """

    text: str = ""
    picture: bytes | BinaryIO | None = None
    filters: tuple[tuple[str, str], ...] = ()
    secret: str = field(default="", repr=False)


@dataclass(frozen=True)
class Turn:
    """The answer to one message.

    Attributes:
        said: in its order.
        meaning: what the message was understood as.
        query: the search as it stands now; an empty one where there is none.
        confident: whether the pictures on the screen fit; None where nothing was searched.
        turn: number of the turn in its session, from 1.
    """

    said: tuple[Said, ...]
    meaning: Meaning
    query: Query
    confident: bool | None
    turn: int


class Conversation:
    """Answers messages.

    Args:
        sessions: remembers the senders.
        live: lends the bundle and computes.
        project: what can be understood, said and done.
        interpreter: understands what is written.
        settings: limits and addresses.
        threads: where uploaded pictures are decoded, so that no turn without one waits for it.
        rewriter: may understand a message better than the rules do.
    """

    def __init__(
        self,
        sessions: SessionStore,
        live: LiveBundle,
        project: RasaProject,
        interpreter: Interpreter,
        settings: Settings,
        threads: Threads,
        rewriter: Rewriter,
    ) -> None:
        self._sessions = sessions
        self._threads = threads
        self._live = live
        self._interpreter = interpreter
        self._rewriter = rewriter
        self._settings = settings
        self._words = Words(project.domain)
        self.project = project

    async def reply(self, sender_id: str, message: Message) -> Turn:
        """Answer one message; the turn is saved before this returns.

        Raises:
            MessageRefused: the message or the sender cannot be handled.
            ImageError: its picture cannot be used.
            SessionsUnavailable: the session cannot be read or saved.
            NoBundle: there are no pictures to show.
            NotYours: the conversation was begun with another secret.
        """
        given = message.picture is not None or bool(message.filters)
        text = check_message(message.text, self._settings.max_text_length, nothing_else=not given)
        message = dataclasses.replace(message, text=text)
        # Before anything takes time: the messages of a sender are answered in their order.
        async with self._sessions.turn(sender_id) as record:
            record.claim(message.secret)
            with self._live.lease() as serving:
                upload = await self._keep_picture(message, record)
                with stage("understand"):
                    meaning = await self._live.run(
                        self._understand, message, serving.bundle, record, upload
                    )
                    if upload is None:
                        meaning = await self._rewriter.rewrite(text, record, meaning)
                draft = await self._answer(record, serving, meaning, self._words)
            return self._close(draft)

    async def carry_out(self, sender_id: str, operations: Sequence[Operation], intent: str) -> Turn:
        """Do what a program chose; the turn is saved before this returns.

        Args:
            sender_id: whose session this is.
            operations: what to do, in this order.
            intent: what they are counted as.

        Raises:
            MessageRefused: the sender cannot be handled.
            SessionsUnavailable: the session cannot be read or saved.
            NoBundle: there are no pictures to show.
            NotYours: the conversation was begun with a secret.
        """
        async with self._sessions.turn(sender_id) as record:
            record.claim("")
            with self._live.lease() as serving:
                meaning = Meaning(tuple(operations), intent)
                draft = await self._answer(record, serving, meaning, self._words)
            return self._close(draft)

    async def read(self, text: str) -> Reading:
        """Return what a text says, before a session has been asked.

        Raises:
            NoBundle: there are no pictures to talk about.
        """
        with self._live.lease() as serving:
            return await self._live.run(self._read, text, serving.bundle)

    async def act(self, sender_id: str, reading: Reading, words: Words) -> list[Said]:
        """Answer a message that was read before, in words of a domain that fills them in itself.

        Raises:
            MessageRefused: the sender cannot be handled.
            SessionsUnavailable: the session cannot be read or saved.
            NoBundle: there are no pictures to show.
            NotYours: the conversation was begun with a secret, which Rasa does not know.
        """
        async with self._sessions.turn(sender_id) as record:
            record.claim("")
            with self._live.lease() as serving:
                closeness, editor = self._interpreter.closeness, self._interpreter.editor
                meaning = await self._live.run(decide, reading, record, closeness, editor=editor)
                meaning = await self._rewriter.rewrite(reading.text, record, meaning)
                draft = await self._answer(record, serving, meaning, words)
            record.turn += 1
        return draft.said

    async def _keep_picture(self, message: Message, record: SessionRecord) -> str | None:
        """Put the picture of a message into the record; return its key there."""
        if message.picture is None:
            return None
        limit = self._settings.max_upload_pixels
        key, stored = await self._threads.run(shrink_upload, message.picture, limit)
        record.add_upload(key, stored)
        return key

    def _read(self, text: str, bundle: Bundle) -> Reading:
        facets, words = bundle.store.facets(), bundle.searcher.vocabulary()
        return self._interpreter.read(text, facets, words)

    def _understand(
        self, message: Message, bundle: Bundle, record: SessionRecord, upload: str | None
    ) -> Meaning:
        if message.text:
            reading = self._read(message.text, bundle)
        else:  # a picture or filters alone
            reading = Reading("", ((SEARCH, 1.0),))
        named = {key for key, _ in message.filters}
        kept = [span for span in reading.spans if span.name not in named]
        given = [Span(key, value, found_by="Given") for key, value in message.filters]
        reading = dataclasses.replace(reading, spans=(*kept, *given))
        interpreter = self._interpreter
        return decide(reading, record, interpreter.closeness, upload, interpreter.editor)

    async def _answer(
        self, record: SessionRecord, serving: Serving, meaning: Meaning, words: Words
    ) -> Draft:
        draft = Draft(
            record=record,
            meaning=meaning,
            serving=serving,
            run=self._live.run,
            settings=self._settings,
            project=self.project,
            words=words,
            editor=self._interpreter.editor,
            questions=self._interpreter.questions,
            query=record.query,
        )
        await perform(draft)
        return draft

    def _close(self, draft: Draft) -> Turn:
        record = draft.record
        record.turn += 1
        return Turn(
            said=tuple(self._fill_in(said, record.turn - 1) for said in draft.said),
            meaning=draft.meaning,
            query=record.query,
            confident=draft.record.confident,
            turn=record.turn,
        )

    def _fill_in(self, said: Said, turn: int) -> Said:
        filled = self.project.render(said.response, said.values, turn)
        return dataclasses.replace(said, filled=filled)


def check_message(text: str, longest: int, *, nothing_else: bool = True) -> str:
    """Return the text of a message, line ends and margins cleaned.

    Args:
        text: what was typed.
        longest: most characters.
        nothing_else: whether the text is all there is, so that it must not be empty.

    Raises:
        MessageRefused: it is empty, too long, or has control characters.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n").strip()
    if not text and nothing_else:
        raise MessageRefused(
            "The message is empty: send a text, a picture, or both.", "utter_error_empty"
        )
    if len(text) > longest:
        raise MessageRefused(
            f"The message has {len(text)} characters; at most {longest} are allowed.",
            "utter_error_too_long",
            length=len(text),
            most=longest,
        )
    for character in text:
        if unicodedata.category(character) in ("Cc", "Cs") and character not in "\n\t":
            raise MessageRefused(
                f"The message has the control character U+{ord(character):04X}; send plain text.",
                "utter_error_control",
                character=f"U+{ord(character):04X}",
            )
    return text
