"""The judge of scripted talks tells right from wrong, and is no milder than the given one."""

import importlib.util
import json
from pathlib import Path

import pytest
from PIL import Image

from benchmarks.talks.checks import CHECKS, Talk, check, holds
from benchmarks.talks.play import LISTS

GIVEN, OWN = LISTS["given"][0], [LISTS[name][0] for name in ("held_out", "read")]
SEARCH = {"wanted": ["a dog"], "excluded": [], "liked": [], "disliked": [], "confident": True}


def answer(text="Here.", images=("a brown dog", "a cat"), do="search", **search):
    """Return what the server answers."""
    shown = [
        {"id": f"id-{i}", "caption": caption, "thumbnail": f"/{i}"}
        for i, caption in enumerate(images, start=1)
    ]
    replies = [{"text": text, "images": shown} if shown else {"text": text}]
    return {"replies": replies, "operations": [{"do": do}], "search": SEARCH | search}


def judge(last, *before, load=None, **expected):
    """Return why a talk with these answers fails, or None."""
    return check(Talk(expected, [*before, last], load))


@pytest.fixture
def given() -> Path:
    """The given list of talks; its player lies beside it."""
    if not GIVEN.is_file():
        pytest.skip(f"there are no given talks in {GIVEN.parent}")
    return GIVEN


@pytest.mark.parametrize("own", OWN, ids=lambda path: path.stem)
def test_every_field_of_our_lists_is_checked(own):
    for line in own.read_text(encoding="utf-8").splitlines():
        assert set(json.loads(line)) <= set(CHECKS)


@pytest.mark.parametrize("own", OWN, ids=lambda path: path.stem)
def test_our_lists_repeat_no_message_that_a_given_talk_ends_with(given, own):
    ours, theirs = (
        {json.loads(line)["say"][-1].lower() for line in path.read_text("utf-8").splitlines()}
        for path in (own, given)
    )
    assert len(ours & theirs) == 0


@pytest.mark.parametrize(
    ("word", "text"),
    [("dogs", "a dog"), ("surf", "surfers"), ("kid|child", "two children"), ("bike", "bikes")],
)
def test_a_word_is_found_in_its_forms(word, text):
    assert holds([text], word)


def test_a_word_is_not_found_in_another():
    assert not holds(["a catalogue", "motorbikes"], "cat|bike")


@pytest.mark.parametrize(
    "expected",
    [
        {"wanted": ["dogs"], "not_wanted": ["cat"], "excluded": []},
        {"do": ["search", "refine"], "do_not": ["restart"]},
        {"confident": True, "reply_has": ["here"]},
        {"shows": ["dog"], "shows_none": ["horse"], "pictures": True},
        {"language": "de", "shows": ["dog"]},
    ],
)
def test_what_holds_is_right(expected):
    assert judge(answer(), **expected) is None


@pytest.mark.parametrize(
    "expected",
    [
        {"wanted": ["cat"]},
        {"not_wanted": ["dog"]},
        {"excluded": ["people"]},
        {"do": ["exclude"]},
        {"do_not": ["search"]},
        {"confident": False},
        {"reply_has": ["dog"]},
        {"reply_has_number": True},
        {"corrected": "bicycle"},
        {"shows": ["horse"]},
        {"shows_none": ["cat"]},
        {"pictures": False},
        {"language": "de", "shows": ["horse"]},
    ],
)
def test_what_does_not_hold_is_wrong(expected):
    assert judge(answer(), **expected)


def test_one_exclusion_too_many_is_wrong():
    assert judge(answer(excluded=["people", "dogs"]), excluded=["people"])


def test_positions_are_those_of_the_pictures_on_the_screen():
    question = answer("Which one?", images=())
    assert judge(answer(liked=["id-2"]), answer(), question, liked_at=[2]) is None
    assert judge(answer(liked=["id-1"]), answer(), question, liked_at=[2])


def test_a_search_is_kept_with_its_verdict():
    assert judge(answer(do="chat"), answer(), keeps=True) is None
    assert judge(answer(confident=None), answer(), keeps=True)


def test_an_honest_sentence_in_the_language_of_the_message_will_do():
    honest = answer("Ich verstehe nur Englisch.", images=()) | {"search": None, "language": "de"}
    assert judge(honest, language="de", shows=["dog"]) is None
    assert judge(honest | {"language": None}, language="de", shows=["dog"])


def test_the_same_sentence_twice_running_is_told():
    assert judge(answer("Thanks!"), answer("Thanks!"), not_same=True)
    assert judge(answer("My pleasure."), answer("Thanks!"), not_same=True) is None


def test_pixels_say_whether_pictures_are_brighter():
    def load(path):
        return Image.new("RGB", (4, 4), (200,) * 3 if path == "/2" else (100,) * 3)

    dark = answer(images=["a dog"])
    both = answer(images=["a dog", "a cat"])
    assert judge(both, dark, load=load, pixels="brighter") is None
    assert judge(both, dark, load=load, pixels="darker")


@pytest.mark.parametrize(
    ("expected", "last"),
    [
        ({"wanted": ["dogs"], "not_wanted": ["cat"]}, answer()),
        ({"excluded": ["people"]}, answer(excluded=["persons"])),
        ({"excluded": ["people"]}, answer(excluded=["people", "dogs"])),
        ({"liked_at": [2]}, answer(liked=["id-2"])),
        ({"keeps": True}, answer(confident=None)),
        ({"do": ["search"]}, {"replies": []}),
        ({"corrected": "bicycle"}, answer(wanted=["a bicycle"])),
    ],
)
def test_the_given_player_says_the_same(given, expected, last):
    path = given.with_name("play_outcomes.py")
    spec = importlib.util.spec_from_file_location("play_outcomes", path)
    player = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(player)
    theirs = player.check(expected, answer(), last)
    assert bool(judge(last, answer(), **expected)) == bool(theirs)
