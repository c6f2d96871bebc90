"""Which words a tokenizer knows as they are spelled."""

from __future__ import annotations

import pytest

from embedding.model.encoder import SentenceEncoder
from embedding.model.vocabulary import whole_words


@pytest.mark.parametrize(
    ("pieces", "words"),
    [
        (["dog", "##s", "[CLS]", "Snow", "2"], {"dog", "snow"}),
        (["\u2581dog", "s", "\u2581Snow"], {"dog", "snow"}),
        (["\u0120dog", "s"], {"dog"}),
        (["dog</w>", "do"], {"dog"}),
        ([], set()),
    ],
)
def testwhole_words_of_all_kinds_of_tokenizers(pieces: list[str], words: set[str]) -> None:
    assert whole_words(pieces) == words


def test_the_real_tower_knows_words_and_not_slips(sentence_encoder: SentenceEncoder) -> None:
    words = sentence_encoder.known_words
    assert {"dog", "more", "undo", "without"} <= words
    assert not {"mroe", "udno", "wihtout"} & words
