"""A chat in a page that gives it little: no height, one color, a long title; double clicks."""

import json

import pytest
from playwright.sync_api import expect

from tests.fixtures.browser import Chat, OpenPage, violations

pytestmark = pytest.mark.browser

SHOP = """<!doctype html><html lang="en"><title>Shop</title><main><h1>Shop</h1>{chat}</main>
<script src="widget.js" defer></script></html>"""


def shop(chat: Chat, server_url: str, element: str) -> None:
    """Open a bare page with this element."""
    body = SHOP.format(chat=element)
    chat.page.route("**/shop", lambda route: route.fulfill(body=body, content_type="text/html"))
    chat.page.goto(f"{server_url}/shop")


def height(chat: Chat, part: str) -> float:
    box = chat.page.locator(part).bounding_box()
    assert box is not None
    return box["height"]


def test_an_inline_chat_without_a_height_has_one_that_stays(
    server_url: str, open_page: OpenPage
) -> None:
    chat = open_page(server_url)
    long = "A photo archive of all that was ever seen in this town " * 3
    shop(
        chat,
        server_url,
        f'<showtell-chat inline title="{long}" style="--showtell-accent: #ffd400">'
        "<a href=./>Our pictures</a></showtell-chat>",
    )
    expect(chat.page.get_by_text("Our pictures")).to_be_hidden()
    assert height(chat, ".panel") == 560
    assert height(chat, "textarea") == 38
    mark = chat.page.locator(".mark").bounding_box()
    assert mark is not None
    assert (mark["width"], mark["height"]) == (30, 30)
    chat.say("red things but no circles")
    chat.box.fill("one\ntwo\nthree")
    assert height(chat, "textarea") == 82
    assert height(chat, ".panel") == 560
    form, panel = (chat.page.locator(part).bounding_box() for part in ("form", ".panel"))
    assert form is not None
    assert panel is not None
    assert form["y"] + form["height"] == panel["y"] + panel["height"] - 1  # within its border
    # Text on the accent is black, text in it darker than it: axe measures both.
    assert violations(chat.page) == []
    chat.page.emulate_media(color_scheme="dark")
    assert violations(chat.page) == []
    chat.page.reload()  # with the draft
    assert height(chat, "textarea") == 82


def test_the_line_is_as_high_as_its_draft_when_the_bubble_opens(
    server_url: str, open_page: OpenPage
) -> None:
    chat = open_page(server_url)
    shop(chat, server_url, '<showtell-chat forget-after="5"></showtell-chat>')
    launcher = chat.page.locator(".launcher")
    launcher.click()
    expect(chat.box).to_have_css("height", "38px")
    chat.box.fill("one\ntwo\nthree")
    launcher.click()
    chat.page.reload()
    launcher.click()
    expect(chat.box).to_have_css("height", "82px")


def test_what_lies_below_is_told_and_double_clicks_send_once(
    server_url: str, open_page: OpenPage
) -> None:
    chat = open_page(server_url, viewport={"width": 700, "height": 480}, reduced_motion="reduce")
    answer = chat.say("red things but no circles")
    log = chat.page.get_by_role("log")
    below = chat.page.get_by_role("button", name="More below")
    below.click()
    expect(below).to_be_hidden()
    assert log.evaluate("log => log.scrollHeight - log.clientHeight - log.scrollTop") < 2
    chat.answer_to(answer.get_by_role("button", name="More like number 1").dblclick)
    chat.answer_to(chat.page.get_by_role("button", name="Take out").first.dblclick)
    chat.tiles.first.click()
    chat.answer_to(chat.page.get_by_role("button", name="Poor match").dblclick)
    chat.page.keyboard.press("Escape")
    chat.say("green stars")  # after it nothing is on its way
    kinds = [text.split("“")[0].strip() for text in chat.said]
    assert kinds == [
        "red things but no circles", "More like", "Take out", "Poor match:", "green stars",
    ]  # fmt: skip


def test_a_site_that_is_not_listed_is_told_in_the_console(
    server_url: str, open_page: OpenPage
) -> None:
    chat = open_page(server_url)
    told = "The site https://shop.example may not use this chat: list it."
    body = json.dumps({"detail": told, "concerns": "operator"})
    chat.page.route("**/api/messages", lambda route: route.fulfill(status=403, body=body))
    chat.box.fill("a red circle")
    chat.box.press("Enter")
    note = chat.page.locator("article.user .note")
    expect(note).to_contain_text("This chat cannot be used on this page.")
    chat.expect_error(f"showtell-chat: {told}")
    chat.expect_error("403")
