"""File names: the words in them, and which spellings mean the same file."""

import os
import re
import unicodedata
from pathlib import Path

__all__ = ["caption_from_name", "spellings"]

# A hash or a UUID, as programs name files: at least one digit, so that no word is taken for one.
_HASH = re.compile(
    r"\b[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}\b|(?<![^\W_])(?=[a-f]*\d)[\da-f]{6,}(?![^\W_])",
    re.IGNORECASE,
)
# How names begin that a camera, a telephone, a messenger or the system gave. The first say nothing
# alone either; the second are words unless a number follows; the third are folders of cameras.
_ALONE = (
    r"(?:fb |wp )?img(?: e)?|imag|imgp|mvimg|pxl|vid|mvi|mov|dsc[fn]?|dscn|gopr?|g[hxp]|dji|cimg|"
    r"pict?|sam|hpim|kimg|(?:image|photo|picture|screen ?shot|screen ?recording|download)s?|"
    r"photo on|whatsapp (?:image|video)s?|unnamed|untitled|bildschirmfoto|capture d [ée]cran|"
    r"captura de pantalla|dcim|camera(?: roll)?"
)
_NUMBERED = r"signal|telegram|received|snapchat|scan|burst|cleanshot|[plr](?=\d{5})"
_CAMERA_FOLDER = r"\d{3}(?:apple|canon|msdcf|gopro|media|nikon| pana|olymp|fuji)"
# What stands between and behind the numbers of such names.
_FILLING = r"\d+(?:x|mp)?|at|um|à|a|las|am|pm|wa\d+|e\d+|hdr|burst\d*|cover|portrait|pano|mp"
_GIVEN = re.compile(
    rf"(?:(?:{_ALONE})(?= ?\d|$)|(?:{_NUMBERED})(?= ?\d)|{_CAMERA_FOLDER}$)"
    rf"(?: ?(?:{_FILLING})\b)*",
    re.IGNORECASE,
)


def caption_from_name(path: str) -> str:
    """Return words from a file name: ``beach/two_dogs-01.jpg`` is "beach two dogs".

    Letters of every script stay whole, with their marks. What a camera or a program gave as a
    name, and numbers, say nothing and are left out.

    Args:
        path: the name, with the folders that belong to it.
    """
    parts = (*Path(path).parent.parts, Path(path).stem)
    return " ".join(words for part in parts if (words := _words(part)))


def spellings(name: str, folder: Path) -> list[str]:
    """Return how a file may be called below a folder that a caption file calls ``name``.

    Most literal first: as it is written; without ``./``, with forward slashes, and relative to
    the folder where the name is absolute; with its accents composed and taken apart (Macs and
    other systems write them differently).
    """
    plain = os.path.normpath(name.replace("\\", "/"))
    named = Path(plain)
    if named.is_absolute():
        # Both the name and our own way to the folder may go through a link.
        for path in (named, named.parent.resolve() / named.name):
            for base in (folder.absolute(), folder.resolve()):
                if path.is_relative_to(base):
                    plain = path.relative_to(base).as_posix()
    forms = (unicodedata.normalize(form, plain) for form in ("NFC", "NFD"))
    return list(dict.fromkeys((name, plain, *forms)))


def _words(part: str) -> str:
    """Return the words of one part of a path, lower-cased; "" where it says nothing."""
    text = _HASH.sub(" 0 ", unicodedata.normalize("NFC", part))
    # Letters, marks and numbers make words. Joiners and soft hyphens are dropped inside them;
    # anything else stands between.
    kinds = ((character, unicodedata.category(character)) for character in text)
    spaced = "".join(
        character if kind[0] in "LMN" else "" if kind == "Cf" else " " for character, kind in kinds
    )
    tokens = " ".join(spaced.split())
    given = _GIVEN.match(tokens)
    rest = tokens[given.end() :] if given else tokens
    parted = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", rest).lower().split()
    return " ".join(word for word in parted if any(character.isalpha() for character in word))
