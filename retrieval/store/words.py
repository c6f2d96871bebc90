"""The words of a text that say what is in a picture, and the one stemmer of this project.

Function words carry a sentence and name nothing. Captions hold them too, and in a gallery of
short captions a rare "her" would outrank everything that a request really names, so the caption
search looks at content words only. How much each of those weighs follows from the gallery
itself: the rarer among its captions, the more (see word_index.py).
"""

import functools
import re
import threading
import unicodedata

import snowballstemmer

__all__ = [
    "FUNCTION_WORDS",
    "content_words",
    "exclusion_phrase",
    "irregular_forms",
    "regular_stem",
    "singular",
    "stem",
    "stems",
    "tokens",
    "valid_text",
]

# Letters and digits.
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
    text = text.lower()
    return (_TOKEN if text.isascii() else _token_of_any_script()).findall(text)


@functools.cache
def _token_of_any_script() -> re.Pattern[str]:
    """Return the pattern of a word whose letters may carry marks: accents, vowels of Hindi."""
    characters = map(chr, range(0x20000))  # behind it there are no more letters
    marks = "".join(c for c in characters if unicodedata.category(c)[0] == "M")
    return re.compile(rf"[^\W_][^\W_{marks}]*(?:[{marks}]+[^\W_]*)*")


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


# Plurals that the stemmer cannot know, and those that it cuts otherwise than their singular.
_PLURALS = """
men:man women:woman children:child people:person persons:person mice:mouse geese:goose feet:foot
teeth:tooth oxen:ox leaves:leaf knives:knife wolves:wolf wives:wife lives:life halves:half
shelves:shelf loaves:loaf thieves:thief calves:calf scarves:scarf hooves:hoof buses:bus gases:gas
lenses:lens irises:iris cacti:cactus fungi:fungus octopi:octopus axes:axe canvases:canvas
quizzes:quiz dice:die policemen:policeman firemen:fireman snowmen:snowman fishermen:fisherman
gentlemen:gentleman sportsmen:sportsman grandchildren:grandchild
"""
_SHORTEST_PLURAL = 3
_IRREGULAR = dict(pair.split(":") for pair in _PLURALS.split())
_stemmer = snowballstemmer.stemmer("english")
_stemming = threading.Lock()  # the stemmer keeps the word that it works on


def stem(word: str) -> str:
    """Return the form that a word shares with its plural, its other tenses and its accents.

    The one stemmer of captions, exclusions and requests: Porter's for English (Snowball's
    "english"), with a table of irregular plurals before it.

    Args:
        word: one token, lower-cased.
    """
    return regular_stem(_IRREGULAR.get(word, word))


@functools.lru_cache(maxsize=65_536)
def regular_stem(word: str) -> str:
    """Return a word's stem without the table: "men" and "man" stay apart.

    The ranking by words counts these: one man and several men are different pictures, and taking
    them for one costs a point of recall@1 (Flickr8k dev, held-out captions).
    """
    if not word.isascii():
        letters = unicodedata.normalize("NFKD", word)
        word = "".join(letter for letter in letters if not "\u0300" <= letter <= "\u036f")
    with _stemming:
        return str(_stemmer.stemWord(word))


def singular(word: str) -> str:
    """Return the singular of an English plural, lower-cased; another word as it is."""
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    is_plural = word.endswith("s") and not word.endswith(("ss", "us", "is"))
    return word[:-1] if is_plural and len(word) > _SHORTEST_PLURAL else word


def stems(text: str) -> list[str]:
    """Return the stems of all words of a text, in their order."""
    return [stem(word) for word in tokens(text)]


@functools.cache
def _families() -> dict[str, set[str]]:
    families: dict[str, set[str]] = {}
    for plural, one in _IRREGULAR.items():
        families.setdefault(stem(one), {regular_stem(one)}).add(regular_stem(plural))
    return families


def irregular_forms(word: str) -> list[str]:
    """Return the other regular stems that share a word's stem ("men" -> man)."""
    return sorted(_families().get(stem(word), set()) - {regular_stem(word)})


def valid_text(text: str) -> str:
    """Return a text with its lone surrogates replaced: JSON can hold them, UTF-8 cannot."""
    return text.encode("utf-8", "replace").decode("utf-8")
