"""The embedded dialogue manager: one message in, the replies out, whatever the channel.

It works from the same files as a Rasa server (bot/rasa) and runs the same actions. A Rasa server
in front of us uses two doors here instead: `parse` understands for it, `run_action` acts for it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from PIL import Image
from rasa_sdk.executor import ActionExecutor, ActionExecutorRunResult, CollectingDispatcher

from bot.dialogue.actions import ACTIONS
from bot.dialogue.turns import OpenTurn, open_turn
from bot.errors import MessageRefused, SessionsUnavailable
from bot.live.bundle import LiveBundle, Serving
from bot.sessions.record import SessionRecord
from bot.sessions.store import SessionStore
from bot.sessions.uploads import store_upload
from bot.settings import Settings
from bot.understanding.filters import Names
from bot.understanding.interpreter import Interpreter
from bot.understanding.rasa_project import RasaProject
from bot.understanding.settling import SEARCH, in_doubt, settle_intent
from retrieval.errors import NoBundle

# So many of the running search's texts a message in doubt is compared with.
_COMPARED_TEXTS = 4
_SPOKEN = ("text", "image", "buttons", "custom")


@dataclass
class Message:
    """What somebody sent: words, a picture, or both, and filters that a program set."""

    text: str = ""
    image: Image.Image | None = None
    filters: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Turn:
    """The answer to one message.

    Attributes:
        replies: In Rasa's form: each has one or more of text, image, buttons, custom.
        intent: What the message was taken for.
        confidence: How sure that is, 0 to 1.
        turn: Number of the turn in its session, from 1.
    """

    replies: list[dict[str, Any]]
    intent: str
    confidence: float
    turn: int


class Conversation:
    """Answers messages.

    Args:
        sessions: Remembers the senders.
        live: Lends the bundle and computes.
        project: What can be understood, said and done.
        interpreter: Understands what is written.
        settings: Limits and addresses.
    """

    def __init__(
        self,
        sessions: SessionStore,
        live: LiveBundle,
        project: RasaProject,
        interpreter: Interpreter,
        settings: Settings,
    ) -> None:
        self._sessions = sessions
        self._live = live
        self._project = project
        self._interpreter = interpreter
        self._settings = settings
        self._executor = ActionExecutor()
        for action in ACTIONS:
            self._executor.register_action(action)

    def action_names(self) -> list[str]:
        """Return the names of the actions that `run_action` can run."""
        return list(self._executor.actions)

    async def reply(self, sender_id: str, message: Message) -> Turn:
        """Answer one message; the turn is saved before this returns.

        Raises:
            MessageRefused: The message or the sender cannot be handled.
            SessionsUnavailable: The session cannot be read or saved.
            NoBundle: There are no pictures to show.
        """
        given = message.image is not None or bool(message.filters)
        text = check_message(message.text, self._settings.max_text_length, nothing_else=not given)
        async with self._sessions.turn(sender_id) as record:
            with self._live.lease() as serving:
                upload = None
                if message.image is not None:
                    upload, stored = await self._live.run(store_upload, message.image)
                    record.add_upload(upload, stored)
                parsed = await self._understand(serving, text)
                parsed = {**parsed, "entities": _with_filters(parsed, message.filters)}
                intent = await self._settle(parsed, record, upload)
                call = self._call(sender_id, parsed)
                turn = self._open(record, serving, upload)
                replies: list[dict[str, Any]] = []
                for name in self._project.actions_for(intent):
                    spoken = [{"response": name}]
                    if name in self._executor.actions:
                        result = await self._run(turn, {**call, "next_action": name})
                        spoken = result.responses if result else []
                    replies += [self._resolve(response, record.turn) for response in spoken]
                record.turn += 1
                answer = Turn(replies, intent, parsed["intent"]["confidence"], record.turn)
        return answer

    async def parse(self, text: str) -> dict[str, Any]:
        """Return what a text means, in the form of Rasa's POST /model/parse.

        Raises:
            NoBundle: There is no text tower to understand with.
        """
        with self._live.lease() as serving:
            return await self._understand(serving, text)

    async def run_action(self, call: Mapping[str, Any]) -> ActionExecutorRunResult | None:
        """Run one action for a Rasa server, in the session of its sender.

        What keeps the turn from being answered is uttered: Rasa turns errors into silence.

        Args:
            call: The body that Rasa posts: next_action, tracker, domain.

        Raises:
            ActionNotFoundException: There is no such action.
            ActionMissingDomainException: The domain is needed and was not sent.
        """
        name = call.get("next_action")
        if not isinstance(name, str) or name not in self._executor.actions:
            return await self._executor.run(dict(call))
        latest = call["tracker"].get("latest_message") or {}
        try:
            async with self._sessions.turn(call["tracker"]["sender_id"]) as record:
                with self._live.lease() as serving:
                    name = await self._settle_action(name, latest, record)
                    turn = self._open(record, serving, None)
                    result = await self._run(turn, {**call, "next_action": name})
                    record.turn += 1
        except (SessionsUnavailable, NoBundle, MessageRefused):
            # Logged where it was met.
            dispatcher = CollectingDispatcher()
            dispatcher.utter_message(response="utter_unavailable")
            return ActionExecutorRunResult(events=[], responses=dispatcher.messages)
        return result

    async def _understand(self, serving: Serving, text: str) -> dict[str, Any]:
        if not text:  # a picture alone
            intent = {"name": SEARCH, "confidence": 1.0}
            return {"text": "", "intent": intent, "entities": [], "intent_ranking": [intent]}
        facets = serving.bundle.store.facets()
        names = Names(facets.folders, facets.years, facets.tags)
        understanding = await self._live.run(self._interpreter.parse, text, names)
        return understanding.to_rasa()

    async def _settle(
        self,
        parsed: Mapping[str, Any],
        record: SessionRecord,
        upload: str | None = None,
    ) -> str:
        similarity = 0.0
        if in_doubt(parsed, record):
            texts = record.query.texts[-_COMPARED_TEXTS:]
            compare = self._interpreter.similarity
            similarity = await self._live.run(compare, parsed["text"], texts)
        return settle_intent(parsed, record, upload, similarity)

    async def _settle_action(self, name: str, latest: dict[str, Any], record: SessionRecord) -> str:
        """Return the action for what the session makes of the intent that Rasa acted on."""
        intent = (latest.get("intent") or {}).get("name")
        if intent not in self._project.rules or name not in self._project.actions_for(intent):
            return name  # Rasa has its own reasons, a story of somebody's, perhaps
        return self._project.actions_for(await self._settle(latest, record))[0]

    def _open(self, record: SessionRecord, serving: Serving, upload: str | None) -> OpenTurn:
        return OpenTurn(record, serving, self._live.run, self._settings, upload)

    async def _run(self, turn: OpenTurn, call: dict[str, Any]) -> ActionExecutorRunResult | None:
        with open_turn(turn):
            return await self._executor.run(call)

    def _call(self, sender_id: str, parsed: dict[str, Any]) -> dict[str, Any]:
        """Return the body that a Rasa server would post for this message."""
        return {
            "sender_id": sender_id,
            "tracker": {
                "sender_id": sender_id,
                "slots": {},
                "latest_message": parsed,
                "events": [],
                "paused": False,
                "followup_action": None,
                "active_loop": {},
                "latest_action_name": "action_listen",
            },
            "domain": self._project.domain,
        }

    def _resolve(self, response: dict[str, Any], turn: int) -> dict[str, Any]:
        """Fill in a response of the domain, as Rasa does, and drop what is empty."""
        drafted: dict[str, Any] = {}
        if response.get("response"):
            drafted = self._project.render(response["response"], response, turn)
        buttons = [*drafted.get("buttons", []), *(response.get("buttons") or [])]
        said = {**drafted, **{key: value for key, value in response.items() if value}}
        said["buttons"] = buttons
        return {key: said[key] for key in _SPOKEN if said.get(key)}


def _with_filters(
    parsed: Mapping[str, Any], filters: Sequence[tuple[str, str]]
) -> list[dict[str, Any]]:
    """Return the entities with those that a program gave instead of words."""
    named = {key for key, _ in filters}
    kept = [entity for entity in parsed["entities"] if entity["entity"] not in named]
    return kept + [
        {"entity": key, "start": 0, "end": 0, "value": value, "extractor": "Given"}
        for key, value in filters
    ]


def check_message(text: str, longest: int, *, nothing_else: bool = True) -> str:
    """Return the text of a message, line ends and margins cleaned.

    Args:
        text: What was typed.
        longest: Most characters.
        nothing_else: Whether the text is all there is, so that it must not be empty.

    Raises:
        MessageRefused: It is empty, too long, or has control characters.
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
