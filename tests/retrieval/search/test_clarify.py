from collections.abc import Sequence

import numpy as np
import pytest

from retrieval.bundle.bundle import Bundle
from retrieval.search.clarify import CANDIDATES, SCENES, split
from retrieval.search.query import Query

ROWS = list(range(CANDIDATES))


def never(rows: Sequence[int], phrases: Sequence[str]) -> np.ndarray:
    return np.zeros((len(rows), len(phrases)), np.float32)


def seen_in(scenes: dict[str, set[int]]):
    def relative(rows: Sequence[int], phrases: Sequence[str]) -> np.ndarray:
        return np.array(
            [[2.0 * (row in scenes.get(phrase, set())) for phrase in phrases] for row in rows],
            np.float32,
        )

    return relative


def captioned(*texts: str) -> list[tuple[str, ...]]:
    """Captions of the candidates: the texts in turn."""
    return [(texts[row % len(texts)],) for row in ROWS]


def test_captions_that_fall_apart_make_groups() -> None:
    captions = captioned("dogs on the beach", "it runs in the snow", "it runs through snow")
    found = split(ROWS, captions, never, "a dog")
    assert [label for label, _ in found] == ["in the snow", "on a beach"]
    assert found[0][1] == [row for row in ROWS if row % 3]
    three = captioned("on the beach", "in the snow", "in the kitchen")
    assert {label for label, _ in split(ROWS, three, never, "a dog")} == {
        "on a beach",
        "in the snow",
        "indoors",
    }


def test_looks_decide_where_there_are_no_captions() -> None:
    half = set(ROWS[::2])
    relative = seen_in({"on grass": half, "in the water": set(ROWS) - half, "food": {1, 2}})
    found = split(ROWS, [()] * len(ROWS), relative, "a dog")
    assert {label: set(members) for label, members in found} == {
        "on grass": half,
        "in the water": set(ROWS) - half,
    }
    # Or none that say where, such as names of files; what they do say counts for more than looks.
    assert split(ROWS, [("dsc e8a41",)] * len(ROWS), relative, "a dog")
    assert split(ROWS, captioned("in the snow"), relative, "a dog") == []


def test_no_question_without_a_clear_split() -> None:
    beach_and_snow = captioned("on the beach", "in the snow")
    assert split(ROWS, beach_and_snow, never, "a dog")
    assert split(ROWS, beach_and_snow, never, "a dog on beaches") == []  # it is answered already
    assert split(ROWS[:10], beach_and_snow[:10], never, "a dog") == []  # too few
    assert split(ROWS, captioned("on the beach"), never, "a dog") == []  # all alike
    assert split(ROWS, captioned("snow on the beach", "a thing"), never, "a dog") == []  # together
    rare = captioned("on the beach", "in the snow", "a thing", "a thing", "a thing")
    assert split(ROWS, rare, never, "a dog") == []  # most are neither
    assert split([], [], never, "") == []


def test_one_question_is_about_one_kind_of_thing() -> None:
    mixed = captioned("in the snow", "a boy")  # "in the snow or children?" would split them
    assert split(ROWS, mixed, never, "something") == []
    who = captioned("a man in the snow", "a boy")
    assert [label for label, _ in split(ROWS, who, never, "something")] == ["children", "a man"]
    assert split(ROWS, who, never, "a woman") == [], "who is meant was said already"


def test_who_says_much_is_not_asked() -> None:
    beach_and_snow = captioned("on the beach", "in the snow")
    assert split(ROWS, beach_and_snow, never, "a brown dog jumping")
    assert split(ROWS, beach_and_snow, never, "a brown dog jumping over a fence") == []


def test_labels_name_what_they_are_told_by() -> None:
    assert len(SCENES) == len({label.lower() for label in SCENES})
    assert all(words.split() for words in SCENES.values())


def test_the_searcher_gives_ids_and_shares(
    shapes_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Shapes are no scenes, so half of them are said to be on a beach.
    looked_at: list[int] = []

    def halves(rows: Sequence[int], *_: object) -> list[tuple[str, list[int]]]:
        looked_at.extend(rows)
        return [("on a beach", list(range(0, len(rows), 2)))]

    monkeypatch.setattr("retrieval.search.searcher.split", halves)
    query = Query(texts=("a red circle",))
    searcher = shapes_bundle.searcher
    result = searcher.search(query)
    (group,) = searcher.groups(query, result)
    # The same pictures as a search for so many would show.
    best = [hit.image_id for hit in searcher.search(query, CANDIDATES).hits]
    assert len(looked_at) == len(best) > len(result.hits)
    assert group.image_ids == tuple(best[::2])
    assert group.share == len(group.image_ids) / len(best)


def test_the_searcher_finds_no_scenes_among_shapes(shapes_bundle: Bundle) -> None:
    query = Query(texts=("a red circle",))
    searcher = shapes_bundle.searcher
    assert searcher.groups(query, searcher.search(query)) == ()
