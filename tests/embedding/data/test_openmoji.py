"""The demo gallery: drawn once, captions in words, safe to interrupt."""

from pathlib import Path

import emoji
import pytest
from PIL import Image

from embedding.data import openmoji
from embedding.data.openmoji import ATTRIBUTION, SIZE, emoji_captions
from embedding.data.pairs import Pairs, load_pairs


@pytest.fixture(scope="module")
def few() -> dict[str, dict[str, object]]:
    characters = ("🐕", "🍰", "🎉", "🇫🇷", "🧑\u200d🚀", "👨\u200d🚀", "👍", "👍🏽")
    return {character: emoji.EMOJI_DATA[character] for character in characters}


def load(directory: Path) -> tuple[Pairs, list[tuple[int, int]]]:
    reports: list[tuple[int, int]] = []
    pairs = load_pairs(
        f"openmoji:{directory}", progress=lambda done, total, what: reports.append((done, total))
    )
    return pairs, reports


def test_a_few_are_drawn_once(
    tmp_path: Path, few: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(emoji, "EMOJI_DATA", few)
    pairs, reports = load(tmp_path)
    assert reports[-1] == (7, 7)  # no skin tones
    assert pairs.attribution == ATTRIBUTION
    assert "openmoji.org" in ATTRIBUTION
    by_emoji = {m["emoji"]: i for i, m in enumerate(pairs.metadata)}
    # The two astronauts have one drawing, which is one picture.
    assert sorted(by_emoji) == sorted(["🐕", "🍰", "🎉", "🇫🇷", "🧑‍🚀 👨‍🚀", "👍"])
    assert pairs.image_paths is not None
    with Image.open(pairs.image_paths[by_emoji["🐕"]]) as picture:
        assert picture.size == (SIZE, SIZE)
        assert picture.convert("RGBA").getpixel((1, 1)) == (255, 255, 255, 255)

    again, reports = load(tmp_path)
    assert reports == []
    assert again.fingerprint() == pairs.fingerprint()

    # An interrupted run goes on; another version of the drawings starts anew.
    pairs.image_paths[0].unlink()
    assert load(tmp_path)[1] == [(1, 1)]
    (tmp_path / "openmoji.json").write_text("older")
    assert load(tmp_path)[1] == [(7, 7)]
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize(
    ("character", "captions"),
    [
        ("🇫🇷", ["flag of France", "France"]),
        ("🎉", ["party popper", "tada"]),
        ("👍", ["thumbs up"]),
        ("🆎", ["AB button blood type"]),
    ],
)
def test_captions_are_words(character: str, captions: list[str]) -> None:
    found = emoji_captions(character)
    assert set(captions) <= set(found)
    assert not any(set(":_+") & set(caption) for caption in found)


def test_all_of_them_have_a_name() -> None:
    wanted = [c for c in emoji.EMOJI_DATA if openmoji._is_wanted(c) and openmoji._drawing(c)]
    assert 1850 < len(wanted) < 2100
    assert all(emoji_captions(character)[0] for character in wanted)
