"""The words of a text that say what is in a picture.

Function words carry a sentence and name nothing. Captions hold them too, and in a gallery of
short captions a rare "her" would outrank everything that a request really names, so the caption
search looks at content words only. How much each of those weighs follows from the gallery
itself: the rarer among its captions, the more (see gallery.py).
"""

import re

__all__ = [
    "FUNCTION_WORDS",
    "content_words",
    "exclusion_phrase",
    "singular",
    "tokens",
    "valid_text",
]

# Letters and digits, as SQLite's unicode61 tokenizer sees them.
_TOKEN = re.compile(r"[^\W_]+")

# Articles, determiners, pronouns; prepositions that place nothing by themselves; conjunctions and
# adverbs of speech; auxiliaries, modals and verbs of wanting; what an apostrophe leaves of them.
_FUNCTION_WORDS = """
a an the this that these those some any each every either neither no not such
all both few many more most much other another several
i me my mine myself you your yours yourself he him his himself she her hers herself it its
itself we us our ours ourselves they them their theirs themselves
who whom whose which what something anything nothing everything
someone anyone somebody anybody one ones
of to for from with without by at as into onto about than like in on
and or but nor so if because while when where how why then there here
also just only even still very really too quite rather maybe please again
am is are was were be been being do does did doing done have has had having
can could will would shall should may might must let lets want wants wanted need needs
s t d m ll re ve don didn doesn isn aren wasn won wouldn couldn shouldn
"""
FUNCTION_WORDS = frozenset(_FUNCTION_WORDS.split())
"""English words that name nothing a picture could show."""


def tokens(text: str) -> list[str]:
    """Return the words of a text, lower-cased, in their order."""
    return _TOKEN.findall(text.lower())


def content_words(text: str) -> list[str]:
    """Return the words that name something, lower-cased, each once, in their order."""
    return list(dict.fromkeys(word for word in tokens(text) if word not in FUNCTION_WORDS))


def exclusion_phrase(text: str) -> list[str]:
    """Return what is not wanted as the words of a phrase ("any red cars" -> red cars).

    Function words are taken off both ends and kept inside ("cup of tea" stays whole); a text of
    nothing but function words is kept as it is.
    """
    words = tokens(text)
    content = [i for i, word in enumerate(words) if word not in FUNCTION_WORDS]
    return words[content[0] : content[-1] + 1] if content else words


_IRREGULAR = {
    "men": "man",
    "women": "woman",
    "children": "child",
    "people": "person",
    "persons": "person",
    "mice": "mouse",
    "feet": "foot",
    "teeth": "tooth",
    "leaves": "leaf",
    "knives": "knife",
    "wolves": "wolf",
}


def singular(word: str) -> str:
    """Return an English noun's singular, nearly: one form for both, to compare words by."""
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if len(word) < 4 or not word.endswith("s") or word.endswith(("ss", "us", "is")):
        return word
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("ches", "shes", "sses", "xes", "zes")):
        return word[:-2]
    return word[:-1]


def valid_text(text: str) -> str:
    """Return a text with its lone surrogates replaced: JSON can hold them, UTF-8 cannot."""
    return text.encode("utf-8", "replace").decode("utf-8")
