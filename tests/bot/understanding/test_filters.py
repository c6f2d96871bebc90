"""Dates, folders and tags in what people write."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.understanding.filters import NOTHING, FilterReader, without
from retrieval.store.filters import Facets

FACETS = Facets(
    {"holiday": 2, "holiday/Rome": 1}, {"2023": 3}, {"sunset": 2, "golden gate": 1, "c++": 1}
)


def _read(text: str, language: str = "en", facets: Facets = FACETS) -> list[tuple[str, object]]:
    return [(span.name, span.value) for span in FilterReader(language).read(text, facets)]


@pytest.mark.parametrize(
    ("text", "filters"),
    [
        ("from 2023", [("date", "2023")]),
        ("dogs from 2023", [("date", "2023")]),
        ("taken in June 2022", [("date", "2022-06")]),
        ("on 2022-06-14, from 2022-06-14", [("date", "2022-06-14")]),
        ("before 2020", [("date", "..2019")]),
        ("before 2022-01", [("date", "..2021-12")]),
        ("after 2021-12-31", [("date", "2022-01-01..")]),
        ("since 2020", [("date", "2020..")]),
        ("until May 2021", [("date", "..2021-05")]),
        ("between 2019 and 2021", [("date", "2019..2021")]),
        ("from 2019 to 2021", [("date", "2019..2021")]),
        ("2023", [("date", "2023")]),
        ("2019", []),
        ("a car from 1960", []),
        ("a car from the year 1960", [("date", "1960")]),
        ("only from 1999", [("date", "1999")]),
        ("from 1999", [("date", "1999")]),
        ("in black/white", []),
        ("snow/rain", []),
        ("42", []),
        ("any year", [("date", "any")]),
        ("in holiday/", [("folder", "holiday")]),
        ("in the Holiday folder", [("folder", "holiday")]),
        ("in holiday/rome", [("folder", "holiday/Rome")]),
        ("from folder work", [("folder", "work")]),
        ("in holiday", []),
        ("a dog in winter", []),
        ("tagged sunset", [("tag", "sunset")]),
        ("tagged Golden Gate", [("tag", "golden gate")]),
        (
            "#sunset in holiday/ from 2023",
            [("tag", "sunset"), ("folder", "holiday"), ("date", "2023")],
        ),
        ("tagged beach", [("tag", "beach")]),
        ('tagged "Golden  gate", please', [("tag", "golden gate")]),
        ("code tagged C++", [("tag", "c++")]),
        ("#2", []),
        ("a man with a price tag on his ear", []),
        ("no filters", [("date", "any"), ("folder", "any"), ("tag", "any")]),
    ],
)
def test_english(text: str, filters: list[tuple[str, object]]) -> None:
    assert _read(text) == filters


@pytest.mark.parametrize(
    ("text", "filters"),
    [
        ("aus 2023", [("date", "2023")]),
        ("Hunde aus dem Jahr 2022", [("date", "2022")]),
        ("im Juni 2022", [("date", "2022-06")]),
        ("zwischen 2019 und 2021", [("date", "2019..2021")]),
        ("vor 2020", [("date", "..2019")]),
        ("im Ordner holiday", [("folder", "holiday")]),
        ("mit dem Schlagwort Sunset", [("tag", "sunset")]),
        ("egal wann", [("date", "any")]),
        ("ohne Filter", [("date", "any"), ("folder", "any"), ("tag", "any")]),
    ],
)
def test_german(text: str, filters: list[tuple[str, object]]) -> None:
    assert _read(text, "de") == filters


@pytest.mark.parametrize(
    "text",
    [
        *["a sheep tagged yellow", "from 2023", "a car from 1960", "from the year 1960"],
        *["in the wedding album", "in black/white", "in holiday/", "every year", "any tags"],
    ],
)
def test_a_gallery_that_has_none_is_not_filtered(text: str) -> None:
    assert _read(text, facets=NOTHING) == []


def test_tags_cost_what_the_message_has_and_not_what_the_gallery_has() -> None:
    looked_up = []

    class Tags(dict[str, int]):
        def __contains__(self, tag: object) -> bool:
            looked_up.append(tag)
            return super().__contains__(tag)

    facets = Facets(tags=Tags({f"tag number {i}": 1 for i in range(20_000)}))
    reader = FilterReader()
    text = "dogs tagged tag number 19999, #tag number 3 and so on " + "and on " * 200
    for _ in range(20):
        found = reader.read(text, facets)
    assert [span.value for span in found] == ["tag number 19999", "tag number 3"]
    assert len(looked_up) <= 20 * 4 * 3


@given(st.text(max_size=60), st.sampled_from(["en", "de"]))
def test_any_text_can_be_read_and_keeps_its_length(text: str, language: str) -> None:
    found = FilterReader(language).read(text, FACETS)
    assert len(without(text, found)) == len(text)


def test_what_is_taken_out_leaves_the_rest_in_place() -> None:
    text = "dogs from 2023 on a beach"
    rest = without(text, FilterReader().read(text, FACETS))
    assert rest == "dogs           on a beach"
