"""The main journey in a real Firefox."""

import pytest

from tests.fixtures.firefox import ENTER, Firefox

pytestmark = pytest.mark.browser

CAPTIONS = "[...root.querySelectorAll('article.bot:last-of-type .view img')].map(i => i.alt)"
DRAWN = "[...root.querySelectorAll('.view img')].every(i => i.naturalWidth)"
SEARCHED = "[...root.querySelectorAll('.search span')].map(part => part.textContent)"


def test_a_search_is_typed_shown_enlarged_and_remembered(server_url: str, firefox: Firefox) -> None:
    firefox.open(server_url)
    firefox.wait_for("root.querySelector('.chips button')")
    firefox.click("textarea")
    firefox.type(f"show me stars but no red things{ENTER}")
    firefox.wait_for(f"root.querySelectorAll('article.bot').length === 2 && {DRAWN}")
    captions = firefox.read(CAPTIONS)
    assert captions
    assert not any("red" in caption for caption in captions)
    assert firefox.read(SEARCHED) == ["stars", "without red"]
    firefox.shoot("firefox")

    firefox.click("article.bot:last-of-type .view")
    firefox.wait_for("root.querySelector('dialog').open")
    assert firefox.read("root.querySelector('dialog h2').textContent") == captions[0]
    firefox.click("dialog header button:last-of-type")
    firefox.wait_for("!root.querySelector('dialog').open")

    firefox.open(server_url)
    firefox.wait_for("root.querySelectorAll('article.bot').length === 2")
    assert firefox.read(CAPTIONS) == captions
    firefox.click(".search button")
    firefox.wait_for("root.querySelectorAll('article.bot').length === 3")
    assert firefox.read(SEARCHED) == ["without red"]
