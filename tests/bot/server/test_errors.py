"""The table of errors."""

import pytest

from bot.errors import MessageRefused, SessionsUnavailable
from bot.server.errors import ERRORS, SORRY, explain, find_answer
from embedding.data.decode import ImageTooLarge, NotAnImage
from retrieval.errors import BundleRefused, NoBundle


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (SessionsUnavailable("away"), 503),
        (NoBundle("none in /secret/path"), 503),
        (MessageRefused("no"), 422),
        (ImageTooLarge("large"), 413),
        (NotAnImage("no picture"), 415),
        (BundleRefused("0001-aaaaaaaa", "wrong hash"), 409),
    ],
)
def test_the_table(error, status):
    answer = find_answer(error)
    assert answer.status == status
    assert answer.sentence[0].isupper()
    assert answer.sentence.endswith(".")
    assert "/secret/path" not in answer.sentence
    assert ("Retry-After" in answer.headers) == (status == 503)
    assert explain(error) == answer.sentence


def test_an_error_nobody_foresaw_has_no_answer_but_a_neutral_one(caplog):
    assert find_answer(RuntimeError("inside")) is None
    assert explain(RuntimeError("inside")) == SORRY
    assert "inside" in caplog.text


def test_subclasses_come_before_their_bases():
    kinds = list(ERRORS)
    for number, kind in enumerate(kinds):
        assert not any(issubclass(later, kind) for later in kinds[number + 1 :]), kind
