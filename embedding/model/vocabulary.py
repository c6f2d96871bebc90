"""The words that a model's text tower knows as they are spelled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

__all__ = ["whole_words", "words_of"]

# How tokenizers mark the pieces of words: WordPiece inside ("##s"), SentencePiece and byte pairs at
# the beginning ("▁dog", "Ġdog"), CLIP at the end ("dog</w>").
_INSIDE = "##"
_MARKS = ("\u2581", "\u0120", "</w>")


def words_of(model: nn.Module) -> frozenset[str]:
    """Return the whole words in the vocabularies of a model's tokenizers, lower-cased.

    They have letters only; there are none where no tokenizer has a vocabulary of words.
    """
    words: set[str] = set()
    for part in model.modules():
        tokenizer: Any = getattr(part, "tokenizer", None)
        vocabulary: Any = getattr(tokenizer, "get_vocab", dict)()
        words |= whole_words(list(vocabulary))
    return frozenset(words)


def whole_words(pieces: list[str]) -> set[str]:
    """Return the words among the pieces that a tokenizer knows, lower-cased, of letters only."""
    marked = next((mark for mark in _MARKS if any(mark in piece for piece in pieces)), None)
    if marked is None:
        whole = [piece for piece in pieces if not piece.startswith(_INSIDE)]
    else:
        whole = [piece.replace(marked, "") for piece in pieces if marked in piece]
    return {word.lower() for word in whole if word.isalpha()}
