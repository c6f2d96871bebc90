"""Dates, folders and tags in what people write."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.understanding.filters import FilterReader, Names, without

NAMES = Names(("holiday", "holiday/Rome"), ("2023",), ("sunset", "golden gate"))


def _read(text: str, language: str = "en", names: Names = NAMES) -> list[tuple[str, str]]:
    found = FilterReader(language).read(text, names)
    return [(entity["entity"], entity["value"]) for entity in found]


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
        ("#2", []),
        ("a man with a price tag on his ear", []),
        ("no filters", [("date", "any"), ("folder", "any"), ("tag", "any")]),
    ],
)
def test_english(text: str, filters: list[tuple[str, str]]) -> None:
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
def test_german(text: str, filters: list[tuple[str, str]]) -> None:
    assert _read(text, "de") == filters


def test_a_gallery_without_tags_has_no_unknown_ones() -> None:
    assert _read("a sheep tagged yellow", names=Names()) == []


@given(st.text(max_size=60), st.sampled_from(["en", "de"]))
def test_any_text_can_be_read_and_keeps_its_length(text: str, language: str) -> None:
    found = FilterReader(language).read(text, NAMES)
    assert len(without(text, found)) == len(text)


def test_what_is_taken_out_leaves_the_rest_in_place() -> None:
    text = "dogs from 2023 on a beach"
    rest = without(text, FilterReader().read(text))
    assert rest == "dogs           on a beach"
