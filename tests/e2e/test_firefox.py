"""The main journeys in a real Firefox: the chat's, the desk's."""

import httpx
import pytest

from tests.fixtures.firefox import ENTER, Firefox
from tests.fixtures.server import TOKEN

pytestmark = pytest.mark.browser

CAPTIONS = "[...root.querySelectorAll('article.bot:last-of-type .view img')].map(i => i.alt)"
DRAWN = "[...root.querySelectorAll('.view img')].every(i => i.naturalWidth)"
COLORS = """canvas => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  return new Set(new Uint32Array(data.buffer)).size;
}"""
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


def test_at_the_desk_a_question_is_corrected_and_lies_on_the_map(
    client: httpx.Client, admin: dict[str, str], firefox: Firefox
) -> None:
    client.delete("/admin/questions", headers=admin)
    client.post("/api/messages", data={"sender": "fox", "text": "a wobbly lollipop"})
    firefox.open(f"{client.base_url}/admin")
    firefox.click("#token")
    firefox.type(f"{TOKEN}{ENTER}")
    firefox.wait_for("root.querySelector('.live')")
    firefox.click("#sections a[href='#questions']")
    firefox.wait_for("root.querySelectorAll('#questions tbody tr').length === 1")
    firefox.click("#questions tbody button")
    firefox.wait_for("root.querySelector('dialog .candidates img')?.naturalWidth")
    right = firefox.read("root.querySelector('dialog .candidates img').src").split("/")[-1]
    firefox.click("dialog .candidates button")
    firefox.wait_for("!root.querySelector('dialog')")
    kept = client.get("/admin/corrections.jsonl", headers=admin).json()
    assert kept["caption"] == "a wobbly lollipop"
    (asked,) = client.get("/admin/questions", headers=admin).json()["questions"]
    assert asked["correction"]["image"] == right.split("?")[0]
    firefox.click("#sections a[href='#map']")
    firefox.wait_for("root.querySelector('#map').textContent.includes('All 90 pictures')")
    firefox.wait_for(f"({COLORS})(root.querySelector('canvas')) > 50")
    firefox.shoot("firefox_desk")
    client.delete(f"/admin/corrections/{asked['id']}", headers=admin)
