"""Searching once for what the operations made of the query, and showing what was found."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image

from bot.dialogue.draft import Asked, Draft, Show
from bot.dialogue.replies import HELP, LIFT_FILTERS, MORE, RESTART, UNDO, Button, Choice, Said
from bot.sessions.questions import Outcome
from bot.sessions.record import StoredHit, bounded
from bot.sessions.uploads import open_upload
from bot.understanding.operations import Filter
from retrieval.errors import RetrievalError
from retrieval.search.clarify import Group
from retrieval.search.query import Query
from retrieval.search.result import Hit, SearchResult

__all__ = ["search_and_show", "show_pictures", "stored"]

_LONGEST_KEPT_CAPTION = 500


async def search_and_show(draft: Draft, show: Show) -> None:
    """Search, make the draft's query the running one, and show the pictures.

    Where nothing is found, the running search stays as it was, and that is said.
    """
    record, query = draft.record, bounded(draft.query)
    shown_before = record.shown if show.go_on else []
    try:
        result = await _search(draft, query, shown_before)
    except RetrievalError:
        filters = [o for o in draft.meaning.operations if isinstance(o, Filter) and o.value]
        if not filters:
            raise
        draft.asked = Asked(query, "refused", show.go_on)
        draft.say("utter_error_filter", key=filters[0].key, value=filters[0].value)
        return
    draft.asked = Asked(query, _outcome(result), show.go_on)
    if not result.hits:
        _say_nothing_found(draft, query, show)
        return
    response = show.response
    if result.confident is False and not show.go_on:
        response = "utter_not_sure" if query.texts else "utter_not_sure_by_image"
        if result.unknown:
            response = "utter_nothing_with"
    record.remember()
    hits = [stored(hit) for hit in result.hits]
    record.show(query, hits, shown_before=shown_before, confident=result.confident)
    draft.query = query
    values = {**show.values, "unknown": draft.words.quoted(result.unknown)}
    if response == "utter_excluded":
        values["excluded"], draft.left_out = ", ".join(draft.left_out), []
    more = result.total > len(result.hits)
    show_pictures(draft, response, result.hits, more=more, **values)
    if not show.go_on and draft.settings.ask and not record.asked:
        await _ask(draft, query, result)


def show_pictures(
    draft: Draft, response: str, hits: Sequence[Hit], *, more: bool, **values: str
) -> None:
    """Say a response with pictures below it, at least one.

    Args:
        draft: the turn; the variable {query} of the response is filled from its query.
        response: said above the pictures.
        hits: best first.
        more: whether to offer more pictures.
        values: for other variables of the response.
    """
    query, words = draft.query, draft.words
    similar = Button("similar_to_image", "similar_to_image", {"image": hits[0].image_id})
    lift = [LIFT_FILTERS] if query.filters else []
    buttons = [*([MORE] if more else []), similar, *lift, UNDO, RESTART]
    values = {"query": words.describe(query, draft.left_out), **values}
    choices, label = words.choices(buttons), words.describe(query)
    draft.said.append(Said(response, values, choices, tuple(hits), label))


def _outcome(result: SearchResult) -> Outcome:
    if not result.hits:
        return "nothing"
    if result.confident is False:
        return "refused" if result.unknown else "closest"
    return "confident"


def _say_nothing_found(draft: Draft, query: Query, show: Show) -> None:
    record = draft.record
    buttons = [UNDO, RESTART] if record.history else [HELP]
    if query.filters and not show.go_on:
        lift = [LIFT_FILTERS] if record.query.filters else []
        draft.say("utter_nothing_filtered", [*lift, *buttons], query=draft.words.describe(query))
    else:
        draft.say(show.nothing, buttons)
    draft.query = record.query


async def _ask(draft: Draft, query: Query, result: SearchResult) -> None:
    """Where the pictures found split into clear groups, ask once which of them is meant."""
    if result.total <= len(result.hits) or result.confident is False:
        return  # all of them are on the screen, or none fits
    searcher = draft.serving.bundle.searcher
    groups: tuple[Group, ...] = await draft.run(searcher.groups, query, result)
    if groups:
        draft.record.asked = True
        names, choice = draft.words.groups([group.label for group in groups])
        draft.record.options = names
        choices = [Choice.sending(name, "refine_search", {"query": name}) for name in names]
        draft.choose("utter_ask_group", choices, choice=choice)


async def _search(draft: Draft, query: Query, shown: list[str]) -> SearchResult:
    """Return what fits: the one place where a conversation searches."""
    image: Image.Image | None = None
    if query.image is not None:
        image = await draft.run(open_upload, draft.record.uploads[query.image])
    return await draft.serving.search(
        query,
        draft.settings.results,
        shown=shown,
        image=image,
        language=draft.project.language,
    )


def stored(hit: Hit) -> StoredHit:
    """Return a hit as the session record keeps it."""
    return StoredHit(
        image_id=hit.image_id,
        caption=hit.caption[:_LONGEST_KEPT_CAPTION],
        score=hit.score,
        reasons=list(hit.reasons),
    )
