"""Which words can stand in the place of which: a colour for a colour, a number for a number.

The classes are data of each language (classes.yml in the Rasa project).
"""

from __future__ import annotations

from collections.abc import Mapping

from retrieval.store.words import FUNCTION_WORDS, singular, stem, tokens

__all__ = ["Classes"]

_EXCLUSIVE, _REPLACED, _COMPARATIVES = "exclusive", "replaced", "comparatives"
_NAMES, _WORDS = "names", "words"


class Classes:
    """Knows the class of a word.

    Args:
        data: `exclusive` and `replaced`, each class name -> its words between blanks;
            `comparatives`, word -> what it comes to; `names`, word -> the class it names; `words`,
            the `articles`, the words that begin a phrase which says where or with what (`placing`),
            those that join two things (`joining`), stand for one (`standing`) or say how much more
            (`degrees`), the classes of what things are like (`attributes`) and of whom a picture is
            about (`subjects`), and the `function` words, which name nothing; without them, those of
            English. A language that has none knows no class.

    Attributes:
        articles: as above.
        placing: as above.
        joining: as above.
        standing: as above.
        degrees: as above.
        subjects: as above.
        function_words: as above.
    """

    def __init__(self, data: Mapping[str, Mapping[str, str]]) -> None:
        self._class: dict[str, str] = {}
        self._of_stem: dict[str, str] = {}
        self._words: dict[str, list[str]] = {}
        self._exclusive = frozenset(data.get(_EXCLUSIVE, {}))
        for kind in (_EXCLUSIVE, _REPLACED):
            for name, words in data.get(kind, {}).items():
                self._words[name] = words.split()
                for word in self._words[name]:
                    self._class.setdefault(word, name)
                    self._of_stem.setdefault(stem(word), name)
        holding = {name: frozenset(some.split()) for name, some in data.get(_WORDS, {}).items()}
        self.articles = holding.get("articles", frozenset())
        self.placing = holding.get("placing", frozenset())
        self.joining = holding.get("joining", frozenset())
        self.standing = holding.get("standing", frozenset())
        self.degrees = holding.get("degrees", frozenset())
        self.subjects = holding.get("subjects", frozenset())
        self.function_words = holding.get("function", FUNCTION_WORDS)
        self._attributes = holding.get("attributes", frozenset())
        self._names = dict(data.get(_NAMES, {}))
        self._comparatives = dict(data.get(_COMPARATIVES, {}))

    def of(self, word: str) -> str | None:
        """Return the class of a word, lower-cased; None for one that has none."""
        # A skateboard is no skateboarder, though they share a stem.
        kind = self._class.get(word) or self._class.get(singular(word))
        return kind or self._of_stem.get(stem(word))

    def words_of(self, name: str) -> list[str]:
        """Return the words of a class, as they stand in the data."""
        return self._words.get(name, [])

    def named(self, word: str) -> str | None:
        """Return the class that a word is the name of: "colour"; None for any other word."""
        return self._names.get(word)

    def is_exclusive(self, name: str | None) -> bool:
        """Whether a thing has one value of a class, so that another replaces it unasked."""
        return name in self._exclusive

    def is_attribute(self, text: str) -> bool:
        """Whether a text names no thing, but only what one is like: "a sleeping one", "red"."""
        words = [word for word in tokens(text) if word not in self.function_words]
        return bool(words) and all(
            self.of(self.positive(word)) in self._attributes for word in words
        )

    def positive(self, word: str) -> str:
        """Return what a comparative comes to ("smaller" is small); other words as they are."""
        return self._comparatives.get(word, word)
