"""What the tagger learns from."""

from __future__ import annotations

import random

from bot.understanding.rasa_project import Example
from bot.understanding.variations import BEFORE, BEHIND, CONTENT, OUTSIDE, label_words, vary


def test_words_are_labelled_by_their_side_of_the_content() -> None:
    example = Example.parse("show me [a dog](query), will you", "search_images")
    labels = [label for _, label in label_words(example)]
    assert labels == [BEFORE, BEFORE, CONTENT, CONTENT, BEHIND, BEHIND]


def test_words_without_content_are_on_no_side() -> None:
    labels = [label for _, label in label_words(Example.parse("show more", "more_images"))]
    assert labels == [OUTSIDE, OUTSIDE]


def test_variations_keep_their_content_marked_and_mix_what_is_around_it() -> None:
    lines = ["find [a dog](query)", "[a cat](query), please", "see [a bird](query) now"]
    examples = [Example.parse(line, "search_images") for line in lines]
    examples.append(Example.parse("[on a beach](query)", "refine_search"))
    varied = vary(examples * 10, random.Random(0))
    around = set()
    for example in varied:
        (span,) = example.entities
        content = example.text[span.start : span.end]
        assert content.removesuffix(" on a beach") in ("a dog", "a cat", "a bird", "on a beach", "")
        around.add((example.text[: span.start], example.text[span.end :]))
    assert ("find ", ", please") in around
    assert any("a dog on a beach" in example.text for example in varied)
