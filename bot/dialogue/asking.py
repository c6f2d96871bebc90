"""Questions about the gallery, the search, a hit and the bot itself; the search stays as it is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from bot.dialogue.draft import Draft
from bot.dialogue.feedback import meant
from bot.dialogue.message import HELP, MORE, RESTART, Choice
from bot.sessions.record import is_search
from bot.understanding.operations import Ask
from retrieval.search.clarify import Group

__all__ = ["ask"]

_DAY_S = 86_400
_MOST_KINDS = 6


async def ask(draft: Draft, operation: Ask) -> None:
    """Answer one question."""
    await _ANSWERS.get(operation.about, _about_the_bot)(draft, operation)


async def _count(draft: Draft, operation: Ask) -> None:  # noqa: ARG001
    draft.say("utter_ask_count", [HELP], count=_pictures(draft))


def _pictures(draft: Draft) -> str:
    """Return how many there are."""
    return f"{len(draft.serving.bundle.store):,}"


async def _kinds(draft: Draft, operation: Ask) -> None:
    """Name the largest kinds; a click on one searches for it."""
    kinds: tuple[Group, ...] = await draft.run(draft.serving.bundle.searcher.kinds)
    labels = draft.words.labels([kind.label for kind in kinds[:_MOST_KINDS]])
    if not labels:
        await _count(draft, operation)
        return
    choices = [Choice.sending(label, "search_images", {"query": label}) for label in labels]
    draft.choose("utter_ask_kinds", choices, kinds=", ".join(labels), count=_pictures(draft))


async def _rights(draft: Draft, operation: Ask) -> None:  # noqa: ARG001
    attribution = draft.serving.bundle.store.attribution
    if attribution:
        draft.say("utter_ask_rights", attribution=attribution)
    else:
        draft.say("utter_ask_rights_unknown")


async def _search(draft: Draft, operation: Ask) -> None:  # noqa: ARG001
    query = draft.query
    if not is_search(query):
        draft.say("utter_nothing_yet", [HELP])
        return
    parts = draft.words.describe(query, query.excluded) or draft.words.pictures
    draft.say("utter_ask_search", [MORE, RESTART], search=parts)


async def _why(draft: Draft, operation: Ask) -> None:
    """Say why pictures were shown, in the words that stand below them."""
    record = draft.record
    for hit in await meant(draft, operation, record.in_focus):
        kept = next((one for one in record.hits if one.image_id == hit.image_id), None)
        if kept is None:
            draft.say("utter_gone", [MORE, RESTART])
            continue
        number = record.last_hits.index(hit.image_id) + 1
        fits = "utter_ask_why_unsure" if record.confident is False else "utter_ask_why"
        draft.say(fits, position=number, reasons=draft.words.reasons(kept.reasons))


async def _privacy(draft: Draft, operation: Ask) -> None:  # noqa: ARG001
    days = max(draft.settings.session_ttl_s // _DAY_S, 1)
    draft.say("utter_ask_privacy", days=days)
    if draft.settings.keep_questions_days:
        draft.say("utter_ask_privacy_questions", days=draft.settings.keep_questions_days)
    else:
        draft.say("utter_ask_privacy_only")
    if draft.settings.llm_url:
        draft.say("utter_ask_privacy_model", model=draft.settings.llm_model)


async def _languages(draft: Draft, operation: Ask) -> None:  # noqa: ARG001
    draft.say("utter_ask_languages", [HELP])


async def _about_the_bot(draft: Draft, operation: Ask) -> None:  # noqa: ARG001
    draft.say("utter_ask_bot", [HELP])


_ANSWERS: dict[str, Callable[[Draft, Ask], Awaitable[None]]] = {
    "count": _count,
    "kinds": _kinds,
    "rights": _rights,
    "search": _search,
    "why": _why,
    "privacy": _privacy,
    "languages": _languages,
    "bot": _about_the_bot,
}
