"""What is there is not refused, under whatever name; what is absent is, and its word is named."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from retrieval.search.confidence import Confidence
from retrieval.search.judging import Judge, Verdict
from retrieval.search.query_bank import RequestBank, TypicalRequests
from retrieval.store.embedded import EmbeddedStore
from tests.retrieval.stubs import picture, unit, write_store

AXES = np.eye(16, dtype=np.float32)
DOG, CAR, NOTHING = AXES[0], AXES[1], AXES[15]
MEASURED = Confidence(mean=0.3, deviation=0.1, by_looks=1.0, by_captions=2.0)
CAPTIONS = [("two dogs run",)] * 10 + [("a red car",)] * 10


def near(thing: np.ndarray, cosine: float) -> np.ndarray:
    return np.asarray(cosine * thing + (1 - cosine**2) ** 0.5 * NOTHING, np.float32)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStore]:
    noise = np.random.default_rng(0).normal(0, 0.02, (20, 16))
    vectors = unit(np.repeat([DOG, CAR], 10, axis=0) + noise)
    pictures = [picture(row, own) for row, own in enumerate(CAPTIONS)]
    store = write_store(tmp_path_factory.mktemp("judging") / "store", vectors, pictures)
    yield store
    store.close()


@pytest.fixture
def judged(store: EmbeddedStore) -> Callable[..., Verdict]:
    def judge(*texts: str, words: bool = True, usual: str = "", **looks: np.ndarray) -> Verdict:
        """Judge texts; those of which no looks are told fit nothing."""
        directions = dict.fromkeys(usual.split(), AXES[14])
        requests = TypicalRequests(RequestBank(AXES[:1], directions), np.zeros(20, np.float32))
        one = Judge(store, requests, MEASURED, words=words)
        named = [*texts, *(word for text in texts for word in one.to_encode(text))]
        vectors = {name: looks.get(name.replace(" ", "_"), NOTHING) for name in named}
        return one.judge(texts, vectors)

    return judge


@pytest.mark.parametrize(
    "text", ["dogs", "a running dog", "automobile", "an animal", "nice pictures of cars"]
)
def test_what_captions_say_fits_however_it_looks(judged: Callable[..., Verdict], text: str) -> None:
    assert judged(text) == Verdict(True)


def test_what_is_absent_is_refused_and_named(judged: Callable[..., Verdict]) -> None:
    assert judged("a giraffe at the waterhole") == Verdict(False, ("giraffe", "waterhole"))
    assert judged("a dog and a giraffe", a_dog_and_a_giraffe=near(DOG, 0.5)) == Verdict(
        False, ("giraffe",)
    )


def test_an_unknown_word_that_looks_like_what_is_there_fits(
    judged: Callable[..., Verdict],
) -> None:
    assert judged("beagles", beagles=DOG) == Verdict(True)
    assert judged("beagles playing", beagles=DOG, beagles_playing=DOG, playing=DOG).fits
    # The text alone does not do, nor does the word.
    assert not judged("a giraffe", a_giraffe=near(DOG, 0.45)).fits
    assert not judged("a giraffe", giraffe=near(DOG, 0.45)).fits


def test_refinements_are_judged_each_for_itself(judged: Callable[..., Verdict]) -> None:
    assert judged("dogs", "with a giraffe") == Verdict(False, ("giraffe",))
    assert judged("a zebra", "with a giraffe").unknown == ("zebra", "giraffe")


def test_without_captions_usual_words_are_looked_for(judged: Callable[..., Verdict]) -> None:
    assert judged("surfing", words=False, usual="surf", surfing=near(CAR, 0.4)) == Verdict(True)
    # It is usual elsewhere, and not here.
    assert judged("surfing", words=False, usual="surf") == Verdict(False, ("surfing",))
    assert judged("dogs", words=False, dogs=DOG) == Verdict(True)
    assert judged("dogs", words=False) == Verdict(False, ("dogs",))


def test_a_text_that_names_nothing_is_judged_by_its_looks(
    judged: Callable[..., Verdict],
) -> None:
    assert judged("the of to her") == Verdict(False)
    assert judged("the of to her", the_of_to_her=CAR) == Verdict(True)


def test_words_of_another_language_are_not_judged(store: EmbeddedStore) -> None:
    judge = Judge(store, None, MEASURED, words=True)
    looks = {"ein Hund": near(DOG, 0.5), "eine Giraffe": NOTHING}
    assert judge.judge(["ein Hund"], looks, by_words=False) == Verdict(True)
    assert judge.judge(["eine Giraffe"], looks, by_words=False) == Verdict(False)
    assert judge.judge(["ein Hund", "eine Giraffe"], looks, by_words=False) == Verdict(False)
