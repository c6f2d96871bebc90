"""From texts to the arrays that a graph takes, as the model's own tokenizer makes them."""

import json
import string
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from embedding.errors import ModelError

__all__ = ["TOKENIZER", "WORDS", "Reader", "TokenReader", "WordReader", "load_reader"]

TOKENIZER = "tokenizer.json"
"""A fast tokenizer, with the truncation and the padding that the model was used with."""
WORDS = "words.json"
"""The words of a model that was trained from a vocabulary, in the order of their numbers."""

Arrays = dict[str, NDArray[np.int64]]


class Reader(Protocol):
    """Texts -> the inputs of a graph, each (n, tokens)."""

    def read(self, texts: Sequence[str]) -> Arrays:
        """Return the arrays of at least one text."""

    def vocabulary(self) -> list[str]:
        """Return its words and pieces of words, as the tokenizer writes them."""


class TokenReader:
    """Reads texts with a tokenizer of the library `tokenizers`; safe from several threads.

    Args:
        path: its JSON.
        prompt: goes before every text.
    """

    def __init__(self, path: Path, prompt: str = "") -> None:
        self._tokenizer = Tokenizer.from_file(str(path))
        self._prompt = prompt

    def read(self, texts: Sequence[str]) -> Arrays:
        """Return ``input_ids``, ``attention_mask`` and ``token_type_ids``."""
        encodings = self._tokenizer.encode_batch([self._prompt + text for text in texts])
        return {
            "input_ids": np.array([one.ids for one in encodings], np.int64),
            "attention_mask": np.array([one.attention_mask for one in encodings], np.int64),
            "token_type_ids": np.array([one.type_ids for one in encodings], np.int64),
        }

    def vocabulary(self) -> list[str]:
        """Return its words and pieces of words."""
        return list(self._tokenizer.get_vocab())


class WordReader:
    """Reads texts word by word, lower-cased and without punctuation; unknown words are left out.

    Args:
        words: in the order of their numbers; the first stands for padding.
        most: words of a text that are read.
    """

    def __init__(self, words: Sequence[str], most: int) -> None:
        self._numbers = {word: number for number, word in enumerate(words)}
        self._most = most

    def read(self, texts: Sequence[str]) -> Arrays:
        """Return ``input_ids`` and ``attention_mask``."""
        rows = [self._read(text)[: self._most] for text in texts]
        shape = len(rows), max(1, *map(len, rows))
        ids, mask = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        for i, row in enumerate(rows):
            ids[i, : len(row)] = row
            mask[i, : len(row)] = 1
        return {"input_ids": ids, "attention_mask": mask}

    def vocabulary(self) -> list[str]:
        """Return its words."""
        return list(self._numbers)

    def _read(self, text: str) -> list[int]:
        bare = (word.strip(string.punctuation) for word in text.lower().split())
        return [self._numbers[word] for word in bare if word in self._numbers]


def load_reader(directory: Path, prompt: str) -> Reader:
    """Return the reader of the files in a directory.

    Raises:
        ModelError: they are missing or damaged.
    """
    try:
        if (directory / WORDS).is_file():
            return WordReader(**json.loads((directory / WORDS).read_text(encoding="utf-8")))
        return TokenReader(directory / TOKENIZER, prompt)
    except Exception as error:
        # The tokenizer library raises nothing but Exception itself.
        raise ModelError(
            f"the tokenizer in {directory} cannot be read ({error}); export the model again"
        ) from error
