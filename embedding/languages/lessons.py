"""What a student is taught: everyday sentences in several languages, each with the English one.

sentences.tsv holds requests and captions that were translated by hand; of parts.tsv (who, in what,
does what, where) more are put together, so that each word comes in many sentences.
"""

import random
from collections.abc import Sequence
from pathlib import Path

__all__ = ["LANGUAGES", "lessons", "made_sentences", "translated_sentences"]

LANGUAGES = ("en", "de", "fr", "es", "it")
"""The columns of both files."""

Sentence = tuple[str, ...]
"""One sentence in each of the languages, or in the first two."""

_FOLDER = Path(__file__).parent
_MADE = {"de": 2500, "fr": 500, "es": 500, "it": 500, "en": 500}
_TIMES = 2
"""A translated sentence says more than one put together: it is taught twice."""
_ANIMALS, _SEVERAL, _WEARING, _WHERE = 0.25, 0.4, 0.5, 0.8
"""Shares of the sentences that are put together."""


def lessons(captions: Sequence[str] = ()) -> list[tuple[str, str]]:
    """Return what is taught: texts in any language, and the same in English.

    Args:
        captions: English ones of the teacher's own pictures, which keep the student near to it.
    """
    taught = [(text, text) for text in captions]
    for sentence in translated_sentences():
        taught += [(text, sentence[0]) for text in sentence] * _TIMES
    made = made_sentences(max(_MADE.values()))
    for language, count in _MADE.items():
        column = LANGUAGES.index(language)
        taught += [(sentence[column], sentence[0]) for sentence in made[:count]]
    return taught


def translated_sentences() -> list[Sentence]:
    """Return the sentences of sentences.tsv."""
    return _rows("sentences.tsv")


def made_sentences(count: int, seed: int = 0) -> list[Sentence]:
    """Return sentences that are put together, in all languages.

    Args:
        count: how many.
        seed: another one, other sentences.
    """
    parts: dict[str, list[Sentence]] = {}
    for kind, *row in _rows("parts.tsv"):
        parts.setdefault(kind, []).append(tuple(row))
    rng = random.Random(seed)  # noqa: S311 - a sample
    return [_made(parts, rng) for _ in range(count)]


def _made(parts: dict[str, list[Sentence]], rng: random.Random) -> Sentence:
    animal, several = rng.random() < _ANIMALS, rng.random() < _SEVERAL
    who = ("animals" if several else "animal") if animal else ("people" if several else "person")
    chosen = [rng.choice(parts[who])]
    doing = rng.choice(parts["animal doing" if animal else "doing"])
    if not animal and rng.random() < _WEARING:
        chosen.append(rng.choice(parts["wearing"]))
    chosen.append(tuple(forms.split(" / ")[several] for forms in doing))
    if rng.random() < _WHERE:
        chosen.append(rng.choice(parts["where"]))
    return tuple(" ".join(words) for words in zip(*chosen, strict=True))


def _rows(name: str) -> list[Sentence]:
    lines = (_FOLDER / name).read_text(encoding="utf-8").splitlines()
    return [tuple(line.split("\t")) for line in lines if not line.startswith("#")]
