from collections.abc import Sequence

import numpy as np
import pytest

from retrieval.bundle.bundle import Bundle
from retrieval.search.clarify import CANDIDATES, split
from retrieval.search.query import Query
from retrieval.search.scenes import SCENES

ROWS = list(range(CANDIDATES))


NEVER = np.zeros((CANDIDATES, len(SCENES)), np.float32)


def seen_in(scenes: dict[str, set[int]]) -> np.ndarray:
    """Return candidates that show scenes by two standard deviations more than usual."""
    columns = [[2.0 * (row in scenes.get(label, set())) for row in ROWS] for label in SCENES]
    return np.array(columns, np.float32).T


def captioned(*texts: str) -> list[tuple[str, ...]]:
    """Captions of the candidates: the texts in turn."""
    return [(texts[row % len(texts)],) for row in ROWS]


def test_captions_that_fall_apart_make_groups() -> None:
    captions = captioned("dogs on the beach", "it runs in the snow", "it runs through snow")
    found = split(captions, NEVER, "a dog")
    assert [label for label, _ in found] == ["in the snow", "on a beach"]
    assert found[0][1] == [row for row in ROWS if row % 3]
    three = captioned("on the beach", "in the snow", "in the kitchen")
    assert {label for label, _ in split(three, NEVER, "a dog")} == {
        "on a beach",
        "in the snow",
        "indoors",
    }


def test_looks_decide_where_there_are_no_captions() -> None:
    half = set(ROWS[::2])
    shows = seen_in({"on grass": half, "in the water": set(ROWS) - half, "food": {1, 2}})
    found = split([()] * len(ROWS), shows, "a dog")
    assert {label: set(members) for label, members in found} == {
        "on grass": half,
        "in the water": set(ROWS) - half,
    }
    # Or none that say where, such as names of files; what they do say counts for more than looks.
    assert split([("dsc e8a41",)] * len(ROWS), shows, "a dog")
    assert split(captioned("in the snow"), shows, "a dog") == []


def test_no_question_without_a_clear_split() -> None:
    beach_and_snow = captioned("on the beach", "in the snow")
    assert split(beach_and_snow, NEVER, "a dog")
    assert split(beach_and_snow, NEVER, "a dog on beaches") == []  # it is answered already
    assert split(beach_and_snow[:10], NEVER[:10], "a dog") == []  # too few
    assert split(captioned("on the beach"), NEVER, "a dog") == []  # all alike
    assert split(captioned("snow on the beach", "a thing"), NEVER, "a dog") == []  # together
    rare = captioned("on the beach", "in the snow", "a thing", "a thing", "a thing")
    assert split(rare, NEVER, "a dog") == []  # most are neither
    assert split([], NEVER[:0], "") == []


def test_one_question_is_about_one_kind_of_thing() -> None:
    mixed = captioned("in the snow", "a boy")  # "in the snow or children?" would split them
    assert split(mixed, NEVER, "something") == []
    who = captioned("a man in the snow", "a boy")
    assert [label for label, _ in split(who, NEVER, "something")] == ["children", "a man"]
    assert split(who, NEVER, "a woman") == [], "who is meant was said already"


def test_who_says_much_is_not_asked() -> None:
    beach_and_snow = captioned("on the beach", "in the snow")
    assert split(beach_and_snow, NEVER, "a brown dog jumping")
    assert split(beach_and_snow, NEVER, "a brown dog jumping over a fence") == []


def test_the_searcher_gives_ids_and_shares(
    shapes_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Shapes are no scenes, so half of them are said to be on a beach.
    looked_at: list[int] = []

    def halves(captions: Sequence[object], *_: object) -> list[tuple[str, list[int]]]:
        looked_at.append(len(captions))
        return [("on a beach", list(range(0, len(captions), 2)))]

    monkeypatch.setattr("retrieval.search.searcher.split", halves)
    query = Query(texts=("something red",))
    searcher = shapes_bundle.searcher
    result = searcher.search(query)
    (group,) = searcher.groups(query, result)
    # The same pictures as a search for so many would show, but those that are something else.
    hits = searcher.search(query, CANDIDATES).hits
    best = [hit.image_id for hit in hits if " red " in hit.picture.captions[0]]
    assert len(best) < len(hits)
    assert looked_at == [len(best)]
    assert len(best) > len(result.hits)
    assert group.image_ids == tuple(best[::2])
    assert group.share == len(group.image_ids) / len(best)


def test_the_searcher_finds_no_scenes_among_shapes(shapes_bundle: Bundle) -> None:
    query = Query(texts=("a red circle",))
    searcher = shapes_bundle.searcher
    assert searcher.groups(query, searcher.search(query)) == ()
