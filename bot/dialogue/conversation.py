"""The conversation: one message in, what is said out, whatever the channel.

A message is read, decided on and answered within one turn of its sender's session. A Rasa server
in front of us uses two doors here instead: `read` understands for it, `act` acts for it. Both do
what `reply` does.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from bot.dialogue.draft import Draft
from bot.dialogue.message import Form, Message, Said, Turn, Words, check_message
from bot.dialogue.perform import perform, to_question
from bot.live.bundle import LiveBundle
from bot.live.encoding import BatchedTexts
from bot.live.serving import Serving
from bot.live.threads import Threads
from bot.rewriting.rewriter import Rewriter
from bot.sessions.questions import QuestionLog
from bot.sessions.record import SessionRecord
from bot.sessions.store import SessionStore
from bot.sessions.talk import Exchange
from bot.sessions.uploads import shrink_upload
from bot.settings import Settings
from bot.stages import stage
from bot.understanding.interpreter import Interpreter
from bot.understanding.meaning import Meaning
from bot.understanding.operations import Operation
from bot.understanding.rasa_project import RasaProject
from bot.understanding.reading import Reading
from retrieval.bundle.bundle import Bundle

REPEATED = "repeated"
"""The intent of a message that was answered before."""


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
        questions: keeps what was searched for, where that is wanted.
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
        questions: QuestionLog,
    ) -> None:
        self._sessions = sessions
        self._threads = threads
        self._live = live
        self._interpreter = interpreter
        self._sentences = BatchedTexts(interpreter.encode, live.run, interpreter.vectors)
        self._rewriter = rewriter
        self._questions = questions
        self._settings = settings
        self._words = Words(project.domain)
        self.project = project

    async def reply(self, sender_id: str, message: Message, form: Form | None = None) -> Turn:
        """Answer one message; the turn is saved before this returns.

        Args:
            sender_id: whose session this is.
            message: what was sent. One whose id was answered before gets the same answer, and
                changes nothing.
            form: in which the answer is kept; None keeps none.

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
            if message.id in record.answered and (
                turn := await self._answer_again(record, message)
            ):
                return turn
            with self._live.lease() as serving:
                upload = await self._keep_picture(message, record)
                with stage("understand"):
                    await self._encode_ahead(message.text, serving)
                    meaning = await self._live.run(
                        self._understand, message, serving.bundle, record, upload
                    )
                    if upload is None:
                        meaning = await self._rewriter.rewrite(text, record, meaning)
                draft = await self._answer(record, serving, meaning, self._words, text)
            turn = self._close(draft)
            if form:
                turn = dataclasses.replace(turn, written=form.write(turn))
                _keep(record, message, upload, form, turn)
            return turn

    async def history(self, sender_id: str, secret: str) -> tuple[SessionRecord, list[Exchange]]:
        """Return what is remembered of a sender and what was said, to who began the conversation.

        Raises:
            MessageRefused: the sender cannot be handled.
            SessionsUnavailable: the session cannot be read.
            NotYours: the conversation was begun with another secret, or without one.
        """
        record, talk = await self._sessions.read(sender_id)
        if record.turn:
            record.check_owner(secret)
        return record, talk

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
            await self._encode_ahead(text, serving)
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
                meaning = await self._live.run(self._interpreter.decide, reading, record)
                meaning = await self._rewriter.rewrite(reading.text, record, meaning)
                draft = await self._answer(record, serving, meaning, words, reading.text)
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

    async def _answer_again(self, record: SessionRecord, message: Message) -> Turn | None:
        """Return the answer that a message had; None where it is no longer kept."""
        _, talk = await self._sessions.read(record.sender_id)
        kept = next((one for one in reversed(talk) if one.id == message.id), None)
        if kept is None:
            return None
        meaning = Meaning((), REPEATED)
        return Turn((), meaning, record.query, record.confident, record.turn, kept.answer)

    async def _encode_ahead(self, text: str, serving: Serving) -> None:
        """Encode what understanding a text needs, in one batch for all turns that wait.

        Where this turn is the only one, another core is idle: what it will most likely search for
        is encoded there meanwhile.
        """
        plan = self._interpreter.plan(text)
        if plan and self._live.turns_in_flight == 1:
            serving.encoder.expect([text])
        await self._sentences.encode(plan)

    def _read(self, text: str, bundle: Bundle) -> Reading:
        return self._interpreter.read(text, bundle.store.facets(), bundle.searcher.vocabulary())

    def _understand(
        self, message: Message, bundle: Bundle, record: SessionRecord, upload: str | None
    ) -> Meaning:
        return self._interpreter.understand(
            message.text,
            record,
            bundle.store.facets(),
            bundle.searcher.vocabulary(),
            upload=upload,
            filters=message.filters,
        )

    async def _answer(
        self,
        record: SessionRecord,
        serving: Serving,
        meaning: Meaning,
        words: Words,
        text: str = "",
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
            text=text,
        )
        await perform(draft)
        if question := to_question(draft):
            self._questions.keep(record.sender_id, question)
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


def _keep(
    record: SessionRecord, message: Message, upload: str | None, form: Form, turn: Turn
) -> None:
    record.keep(
        Exchange(
            id=message.id or f"turn-{turn.turn}",
            channel=form.channel,
            text=message.shown or message.text,
            picture=upload or "",
            answer=turn.written,
        )
    )
