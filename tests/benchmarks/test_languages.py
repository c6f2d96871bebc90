"""The benchmark of other languages counts what it says, and its requests are whole."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import pytest

from benchmarks.languages.__main__ import FOLDER, Request, measure, read_requests, verdict
from embedding.model.encoder import Encoder, Vectors
from retrieval.bundle.bundle import Bundle
from retrieval.search.query import Query


@pytest.mark.parametrize(
    ("language", "count"), [("de", 239), *((code, 30) for code in ("es", "fr", "it", "nl", "pl"))]
)
def test_each_request_translates_a_caption_of_its_own(language: str, count: int) -> None:
    lines = (FOLDER / f"{language}.tsv").read_text(encoding="utf-8").splitlines()
    captions = {line.split("#")[0]: tuple("01234") for line in lines}
    requests = read_requests(FOLDER / f"{language}.tsv", captions)
    assert len(requests) == count
    assert max(Counter(one.picture for one in requests).values()) == 1
    assert {one.english for one in requests} <= set("01234")
    assert all(one.text == one.text.strip() and one.text for one in requests)


class Translating:
    """The encoder of a bundle for those who speak German: it knows three sentences."""

    ENGLISH: ClassVar = {
        "ein grüner Stern": "a green star",
        "ein roter Ring": "a red ring",
        "ein blaues Dreieck": "a blue triangle",
    }

    def __init__(self, own: Encoder) -> None:
        self.name, self.dimension, self.fingerprint = own.name, own.dimension, own.fingerprint
        self.known_words, self.encode_images = own.known_words, own.encode_images
        self._encode = own.encode_text

    def encode_text(self, texts: Sequence[str]) -> Vectors:
        return self._encode([self.ENGLISH.get(text, text) for text in texts])

    encode_sentences = encode_text


def test_recall_and_share_are_counted(shapes_bundle: Bundle) -> None:
    many = shapes_bundle.make_searcher(Translating(shapes_bundle.encoder), words=False)
    english = shapes_bundle.make_searcher(words=False)

    def request(text: str, caption: str) -> Request:
        first = english.search(Query(texts=(caption,)), 1).hits[0]  # the others are folded into it
        return Request(Path(first.picture.path).name, text, caption)

    requests = [
        request("ein grüner Stern", "a green star"),
        request("ein roter Ring", "a red ring"),
        request("ein blaues Dreieck", "a red ring"),  # wrongly translated
    ]
    figures = measure(shapes_bundle, many, english, requests)
    assert (figures["requests"], figures["r10_in_english"]) == (3, 100.0)
    assert figures["share_of_english"] == figures["r10"] == 66.7


def test_the_goal_is_a_share_of_english() -> None:
    assert verdict({"de": {"share_of_english": 80.0}}) == {"de": True}
    assert verdict({"de": {"share_of_english": 79.9}}) == {"de": False}
