"""The page and the widget say everything in the language of the server, in a real browser."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from bot.understanding.rasa_project import RasaProject
from tests.fixtures.browser import OpenPage, violations
from tests.fixtures.server import RunningServer

pytestmark = pytest.mark.browser


def test_a_german_server_has_a_german_page(
    shapes_bundles: Path, start_server: Callable[..., RunningServer], open_page: OpenPage
) -> None:
    chat = open_page(start_server(shapes_bundles, language="de").url)
    page = chat.page
    expect(page.locator("html")).to_have_attribute("lang", "de")
    expect(page.locator("showtell-chat .root")).to_have_attribute("lang", "de")
    expect(page).to_have_title(re.compile(r"du sagst, es zeigt$"))
    expect(page.locator("#about")).to_contain_text("90 Bilder")
    expect(page.get_by_role("button", name="Kopieren")).to_be_visible()
    expect(page.get_by_role("log", name="Was möchtest du sehen?")).to_be_visible()
    expect(chat.box).to_have_accessible_name("Nachricht")
    assert chat.box.get_attribute("placeholder") == "Beschreibe ein Bild …"
    expect(chat.answers.first).to_contain_text("Hallo! Sag mir")

    chat.page.route("**/api/messages", lambda route: route.abort(), times=1)
    chat.box.fill("ein roter Kreis")
    chat.box.press("Enter")
    expect(page.locator("article.user .note")).to_contain_text("Der Server ist nicht zu erreichen.")
    chat.answer_to(page.get_by_role("button", name="Noch einmal").click)
    chat.expect_error("ERR_FAILED")
    chat.loaded()
    chat.shoot("page_german")

    caption = chat.captions()[0]
    chat.tiles.first.click()
    view = page.get_by_role("dialog", name="Bild")
    expect(view.locator(".counter")).to_have_text(f"1 von {len(chat.captions())}")
    expect(view.get_by_label("Warum dieses Bild")).to_be_visible()
    chat.shoot("larger_view_german")
    names = page.evaluate(
        """() => [...document.querySelector('showtell-chat').shadowRoot
          .querySelectorAll('button')].map(b => b.ariaLabel ?? b.textContent)"""
    )
    english = RasaProject.load().responses
    words = {said[0]["text"] for name, said in english.items() if name.startswith("utter_widget")}
    assert words.isdisjoint(names)
    chat.answer_to(view.get_by_role("button", name="Mehr davon").click)
    assert chat.said[-1] == f"Mehr wie „{caption}“"


def test_a_widget_in_arabic_is_read_from_right_to_left(
    server_url: str, open_page: OpenPage
) -> None:
    chat = open_page(server_url, viewport={"width": 390, "height": 760})
    arabic = f"{server_url}/widget.js?language=ar"
    chat.page.route("**/widget.js?*", lambda route: route.continue_(url=arabic))
    chat.page.reload()
    expect(chat.box).to_have_accessible_name("رسالة")
    chat.say("a red circle")
    chat.loaded()
    assert violations(chat.page) == []
    chat.shoot("arabic")
    first, second = (chat.tiles.nth(number).bounding_box() for number in (0, 1))
    assert first is not None
    assert second is not None
    assert first["x"] > second["x"]
    captions = chat.captions()
    chat.tiles.first.click()
    view = chat.page.get_by_role("dialog", name="صورة")
    chat.page.keyboard.press("ArrowLeft")
    expect(view.get_by_role("heading")).to_have_text(captions[1])
    chat.shoot("arabic_viewer")


def test_an_english_one_has_english_names(server_url: str, open_page: OpenPage) -> None:
    chat = open_page(server_url)
    expect(chat.page.locator("html")).to_have_attribute("lang", "en")
    expect(chat.box).to_have_accessible_name("Message")
    expect(chat.page.get_by_role("button", name="Copy")).to_be_visible()
    expect(chat.page.locator("#about")).to_have_text(re.compile(r"^90 pictures · gallery 0001-"))
