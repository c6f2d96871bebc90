"""Weights of wording are those of scikit-learn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer

from bot.wording.tfidf import TfIdf, letter_groups, word_groups

TEXTS = ["show me a dog", "a dog, please!", "no dogs", "don't show me cats?", "a  cat\tin İstanbul"]
WORDS = TfidfVectorizer(
    ngram_range=(1, 3), token_pattern=r"<s>|</s>|\w+(?:'\w+)*|[?!]", min_df=2, sublinear_tf=True
)
LETTERS = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), min_df=2, sublinear_tf=True)


def weights_of(tfidf: TfIdf, text: str) -> np.ndarray:
    row = np.zeros(len(tfidf.terms))
    places, weights = tfidf.weigh(text)
    row[places] = weights
    return row


@settings(deadline=None)
@given(st.lists(st.text("ab d'!İ\t", max_size=12), max_size=5), st.text("abcd e'?!", max_size=20))
def test_equals_scikit_learn(more: list[str], text: str) -> None:
    texts = [*TEXTS, *more]
    for groups, theirs, marked in (
        (word_groups, WORDS, [f"<s> {one} </s>" for one in texts]),
        (letter_groups, LETTERS, texts),
    ):
        ours = TfIdf.fit(groups, texts)
        theirs.fit(marked)
        assert list(ours.terms) == theirs.get_feature_names_out().tolist()
        given_text = f"<s> {text} </s>" if groups is word_groups else text
        expected = theirs.transform([given_text]).toarray()[0]
        np.testing.assert_allclose(weights_of(ours, text), expected, atol=1e-12)


def test_a_text_of_nothing_known_weighs_nothing() -> None:
    places, weights = TfIdf.fit(letter_groups, TEXTS).weigh("xyz")
    assert len(places) == len(weights) == 0


def test_what_only_one_text_holds_is_no_term() -> None:
    terms = TfIdf.fit(word_groups, ["a dog", "a cat"]).terms
    assert "a" in terms
    assert "dog" not in terms
    assert TfIdf.fit(word_groups, ["a dog", "a cat"]).rarity[0] == pytest.approx(1.0)
