"""Messages that differ only in polarity: they must never come to the same."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.sessions.record import SessionRecord
from bot.understanding import operations as op
from bot.understanding.interpreter import Interpreter
from bot.understanding.meaning import decide
from bot.understanding.operations import Operation
from retrieval.search.query import Query


def _operations(interpreter: Interpreter, text: str) -> tuple[Operation, ...]:
    record = SessionRecord(sender_id="anna", query=Query(("a dog on grass",)))
    reading = interpreter.read(text)
    return decide(reading, record, interpreter.closeness, None, interpreter.editor).operations


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("with people", "without people"),
        ("with people", "no people"),
        ("dogs and cats", "dogs but no cats"),
        ("more dogs", "no more dogs"),
        ("a beach with boats", "a beach without boats"),
        ("not without a ball", "without a ball"),
        ("like the second one", "not like the second one"),
        ("I like the second one", "I don't like the second one"),
        ("these are good", "these are not good"),
        ("that fits", "that doesn't fit"),
        ("I want dogs", "I don't want dogs"),
        ("show me trees", "don't show me trees"),
        ("no, a cat", "no cat"),
        ("what is excluded?", "exclude that"),
        ("forget the grass", "don't forget the grass"),
    ],
)
def test_what_differs_in_polarity_differs_in_what_is_done(
    interpreter: Interpreter, one: str, other: str
) -> None:
    assert _operations(interpreter, one) != _operations(interpreter, other)


@pytest.mark.parametrize("text", ["more dogs", "what topics are there?", "good dogs", "how many?"])
def test_nothing_is_taken_away_that_nobody_asked_to_lose(
    interpreter: Interpreter, text: str
) -> None:
    destructive = (op.Exclude, op.Unlike, op.Restart, op.Goodbye)
    assert not any(isinstance(one, destructive) for one in _operations(interpreter, text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # Said not to matter: neither wanted nor left out.
        ("a mountain, with or without snow", (op.Search("a mountain"),)),
        ("with or without snow, a mountain", (op.Search("a mountain"),)),
        ("a cat, not necessarily black", (op.Search("a cat"),)),
        ("it doesn't have to be indoors, a child reading", (op.Search("a child reading"),)),
        ("beaches, no matter the weather", (op.Search("beaches"),)),
        ("it's not that I dislike cats, just show me birds", (op.Search("birds"),)),
        # All but one is that one.
        ("I don't want to see anything but cats", (op.Search("cats"),)),
        ("don't show me anything except cats", (op.Search("cats"),)),
        ("nobody but children", (op.Search("children"),)),
        # One instead of the other.
        ("not cats but birds", (op.Search("birds"), op.Exclude("cats"))),
        ("instead of a cat, a bird", (op.Search("a bird"), op.Exclude("a cat"))),
        ("I never said I wanted cats, I want birds", (op.Search("birds"), op.Exclude("cats"))),
        # Left out in other words.
        (
            "kids playing, but none of them with hats",
            (op.Search("kids playing"), op.Exclude("hats")),
        ),
        ("nobody should be in the picture, just snow", (op.Search("snow"), op.Exclude("people"))),
        ("don't show me dogs, don't show me cats", (op.Exclude("dogs"), op.Exclude("cats"))),
        ("fewer people", (op.Exclude("people"),)),
        ("no boats, nothing red", (op.Exclude("boats"), op.Exclude("red"))),
        ("a girl, then take out the ones with dogs", (op.Search("a girl"), op.Exclude("dogs"))),
        # "But" leads back to what is wanted.
        (
            "a room without chairs but with a table",
            (op.Search("a room with a table"), op.Exclude("chairs")),
        ),
        ("no dogs, I want horses", (op.Search("horses"), op.Exclude("dogs"))),
        # Said behind the thing, or in the middle.
        (
            "snow; dogs are fine, people aren't",
            (op.Search("snow"), op.Exclude("people")),
        ),
        ("a market; kids are not welcome", (op.Search("a market"), op.Exclude("kids"))),
        ("a lake, boats shouldn't be there", (op.Search("a lake"), op.Exclude("boats"))),
        ("dogs not cats", (op.Search("dogs"), op.Exclude("cats"))),
        ("a street no vehicles", (op.Search("a street"), op.Exclude("vehicles"))),
        ("a market - skip the crowds", (op.Search("a market"), op.Exclude("the crowds"))),
        # What somebody does not like.
        (
            "I can't stand clowns, show me a carnival",
            (op.Search("a carnival"), op.Exclude("clowns")),
        ),
        ("I don't mind dogs but I don't want cats", (op.Exclude("cats"),)),
        ("lose the helmets", (op.Exclude("helmets"),)),
        # Only seems to exclude.
        ("mountains with no lack of snow", (op.Search("mountains with snow"),)),
        ("dogs, not to mention cats", (op.Search("dogs and cats"),)),
        ("no I meant tennis", (op.Search("tennis"),)),
        ("nothing special, just a dog", (op.Search("a dog"),)),
        ("a kitchen in which nobody is cooking", (op.Search("a kitchen"), op.Exclude("cooking"))),
        # Courtesy and small talk around it.
        ("surfers pls and thank you", (op.Search("surfers"),)),
        (
            "haha cute, now a dog please",
            (op.Chat("react_good", beside=True), op.Search("a dog")),
        ),
        ("do you have dogs", (op.Search("dogs"),)),
        ("hikers never without their backpacks", (op.Search("hikers with their backpacks"),)),
        # What it is for, and what is told before it.
        ("a lake for our school newsletter", (op.Search("a lake"),)),
        (
            "we went kayaking last summer and my phone died. anything with a kayak on a river?",
            (op.Search("a kayak on a river"),),
        ),
        ("No dogs, I was bitten twice", (op.Exclude("dogs"),)),
        ("a boat with no fishing rods", (op.Search("a boat"), op.Exclude("fishing rods"))),
        ("it rained in Norway all week, what I'm after is a fjord", (op.Search("a fjord"),)),
        # Lists, typing errors, conditions.
        (
            "a crowd. Exclude: flags, smoke",
            (op.Search("a crowd"), op.Exclude("flags"), op.Exclude("smoke")),
        ),
        ("a beach withuot people", (op.Search("a beach"), op.Exclude("people"))),
        ("either a horse or a cow", (op.Search("a horse or a cow"),)),
    ],
)
def test_a_first_message_is_searched_for_as_it_was_meant(
    interpreter: Interpreter, text: str, expected: tuple[Operation, ...]
) -> None:
    reading = interpreter.read(text)
    record = SessionRecord(sender_id="anna")
    meant = decide(reading, record, interpreter.closeness, None, interpreter.editor)
    assert meant.operations == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sorry, I do want cats", (op.Allow("cats"),)),
        ("actually I don't mind cats", (op.Allow("cats"),)),
        ("cats are fine after all", (op.Allow("cats"),)),
        ("now show me cats", (op.Search("cats"),)),
        ("forget the cats", (op.Allow("cats", exactly=True),)),
        ("drop all those restrictions", (op.Allow("cats", exactly=True),)),
        ("cats don't bother me any more", (op.Allow("cats"),)),
        ("I was too strict, you can show cats again", (op.Allow("cats"),)),
    ],
)
def test_what_was_left_out_is_let_in_again(
    interpreter: Interpreter, text: str, expected: tuple[Operation, ...]
) -> None:
    record = SessionRecord(sender_id="anna", query=Query(("a house",), excluded=("cats",)))
    meant = decide(interpreter.read(text), record, interpreter.closeness, None, interpreter.editor)
    assert meant.operations == expected


def test_of_two_pictures_one_is_liked_and_one_is_not(interpreter: Interpreter) -> None:
    record = SessionRecord(sender_id="anna", query=Query(("a house",)))
    for text in ("the first one is good, the second one isn't", "1 is great, 2 is not"):
        meant = decide(interpreter.read(text), record, interpreter.closeness)
        assert meant.operations == (op.Like((1,)), op.Unlike((2,)))


def test_what_is_left_out_can_go_on_in_the_next_message(interpreter: Interpreter) -> None:
    record = SessionRecord(sender_id="anna", last_said="utter_excluded")
    record.query = Query(("a house",), excluded=("cats",))
    meant = decide(interpreter.read("or dogs"), record, interpreter.closeness)
    assert meant.operations == (op.Exclude("dogs"),)
    record.last_said = "utter_found"
    meant = decide(interpreter.read("or dogs"), record, interpreter.closeness)
    assert meant.operations == (op.Refine("dogs"),)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("not children but adults", (op.Replace("children in water", "adults in water"),)),
        ("instead of children, adults", (op.Replace("children in water", "adults in water"),)),
        ("two kids instead of one", (op.Replace("children in water", "two kids in water"),)),
        ("and two kids instead of one", (op.Replace("children in water", "two kids in water"),)),
        ("hmm, then dogs", (op.Search("dogs"),)),
        ("in front of a crowd", (op.Refine("in front of a crowd"),)),
        ("the happy ones", (op.Refine("happy"),)),
        ("do you have any in boats?", (op.Refine("in boats"),)),
        ("switch that to dogs", (op.Replace("children in water", "dogs in water"),)),
        ("same but with adults", (op.Replace("children in water", "adults in water"),)),
        ("adults, sorry", (op.Replace("children in water", "adults in water"),)),
        ("I said children not dogs", (op.Exclude("dogs"),)),
        ("those aren't children", (op.More(instead=True),)),
        ("I don't see any boats", (op.Refine("boats"),)),
        ("the number of children doesn't matter", (op.Replace(),)),
        ("no preference", (op.Answer(),)),
        ("the water again", (op.Search("children in water"),)),
        ("leaning on a wall", (op.Refine("leaning on a wall"),)),
        ("roses would be lovely", (op.Refine("roses"),)),
        ("they mustn't be smoking", (op.Exclude("smoking"),)),
        ("hats I don't need", (op.Exclude("hats"),)),
        ("the water is optional, to be honest", (op.Replace("children in water", "children"),)),
    ],
)
def test_one_thing_takes_the_place_of_another_in_a_search(
    interpreter: Interpreter, text: str, expected: tuple[Operation, ...]
) -> None:
    record = SessionRecord(sender_id="anna", query=Query(("children in water",)))
    reading = interpreter.read(text)
    meant = decide(reading, record, interpreter.closeness, None, interpreter.editor)
    assert meant.operations == expected


@pytest.mark.parametrize(
    ("search", "text", "expected"),
    [
        ("a happy face", "a sad one", "a sad face"),
        ("a kid in a red jacket", "make the jacket blue", "a kid in a blue jacket"),
        ("a kid in a red jacket", "two kids instead of one", "two kids in a red jacket"),
        ("a man on a bike", "no wait, a woman", "a woman on a bike"),
        ("kids on a swing", "scratch the swing, a slide", "kids on a slide"),
        ("a soccer game", "rugby then", "a rugby game"),
        ("two men running", "three not two", "three men running"),
        ("a field in winter", "summer, sorry", "a field in summer"),
        ("a person in the evening", "wait no, in the morning", "a person in the morning"),
        ("a woman in a pink coat", "the colour of the coat doesn't matter", "a woman in a coat"),
        ("a big dog", "much smaller", "a small dog"),
        ("a kayak on a lake", "*river", "a kayak on a river"),
        ("two rowers", "let's have eight", "eight rowers"),
        ("3 kids jumping", "make that 2 kids", "2 kids jumping"),
        ("people at the beach", "hmm, swap the beach for a pool", "people at a pool"),
        ("a teen with a violin", "it isn't a violin, it's a cello", "a teen with a cello"),
        ("a girl with bubbles", "put a boy where the girl is", "a boy with bubbles"),
        ("a green canoe", "same thing in yellow", "a yellow canoe"),
        ("a red car", "any colour will do", "a car"),
        ("a man in a red hat", "the hat can be any colour", "a man in a hat"),
        ("a green jacket", "yellow suits me better than green", "a yellow jacket"),
        ("three girls on a bench", "hmm, two is enough", "two girls on a bench"),
        ("a boy kicking a ball", "scrap that, a girl", "a girl kicking a ball"),
        ("a jacket on a chair", "jacket -> shirt", "a shirt on a chair"),
    ],
)
def test_one_word_changes_what_is_searched_for(
    interpreter: Interpreter, search: str, text: str, expected: str
) -> None:
    record = SessionRecord(sender_id="anna", query=Query((search,)))
    reading = interpreter.read(text)
    meant = decide(reading, record, interpreter.closeness, None, interpreter.editor)
    assert meant.operations == (op.Replace(search, expected),)


def test_forgetting_all_and_a_wish_are_two_things(interpreter: Interpreter) -> None:
    record = SessionRecord(sender_id="anna", query=Query(("drums",)))
    reading = interpreter.read("forget all that, a beach")
    meant = decide(reading, record, interpreter.closeness, None, interpreter.editor)
    assert meant.operations[0] == op.Restart()
    assert meant.operations[1] in (op.Search("a beach"), op.Refine("a beach"))


@pytest.mark.parametrize(
    "text",
    [
        "no " * 663 + "n",
        ", " * 1000,
        "and " * 500,
        "please " * 285,
        "haha cute, " * 180,
        "x" * 2000,
    ],
    ids=["no", "commas", "and", "please", "praise", "one word"],
)
def test_no_message_is_so_odd_that_reading_it_hangs(interpreter: Interpreter, text: str) -> None:
    assert interpreter.read(text[:2000]).intent


@pytest.mark.parametrize(
    ("text", "excluded"),
    [
        ("no people and no water and no snow", ["people", "water", "snow"]),
        ("no dogs but no cats but no people", ["dogs", "cats", "people"]),
        ("but not black and not white and not brown", ["black", "white", "brown"]),
    ],
)
def test_three_things_are_left_out_one_after_the_other(
    interpreter: Interpreter, text: str, excluded: list[str]
) -> None:
    spans = interpreter.read(text).spans
    assert [span.value for span in spans if span.name == "excluded"] == excluded


FRAGMENTS = [
    "no people",
    "and",
    "but",
    "without cats",
    "not black",
    "with a ball",
    "more like 2",
    "not like 1",
    ",",
    "dogs",
    "instead of",
    "i don't want birds",
    "leave out snow",
    "the red one",
    "only",
    "please",
    "never mind",
    "one",
    "too many",
    "again",
]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(FRAGMENTS), max_size=9))
def test_whatever_is_said_in_whatever_order_is_read(
    interpreter: Interpreter, fragments: list[str]
) -> None:
    reading = interpreter.read(" ".join(fragments))
    assert all(0 <= span.start <= span.end <= len(reading.text) for span in reading.spans)


@pytest.mark.parametrize("text", ["never mind", "nevermind", "oh never mind", "never mind then"])
def test_never_mind_looks_for_nothing(interpreter: Interpreter, text: str) -> None:
    assert interpreter.read(text).intent == "react_unsure"
