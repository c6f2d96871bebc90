"""axe finds nothing in the page and the widget, in any state, light, dark or in forced colors."""

import json

import pytest
from playwright.sync_api import expect

from tests.fixtures.browser import Chat, OpenPage, violations

pytestmark = pytest.mark.browser

LOOKS = [
    {"color_scheme": "light"},
    {"color_scheme": "dark", "viewport": {"width": 360, "height": 740}},
    {"forced_colors": "active"},
]


def check(chat: Chat, state: str) -> None:
    """Fail where axe finds something."""
    assert violations(chat.page) == [], state


@pytest.mark.parametrize("look", LOOKS, ids=["light", "dark phone", "forced colors"])
def test_axe_finds_nothing_in_any_state(
    server_url: str, open_page: OpenPage, look: dict[str, object]
) -> None:
    chat = open_page(server_url, reduced_motion="reduce", **look)  # colors do not fade in
    page = chat.page
    chat.say("show me stars but no red things")
    chat.loaded()
    chat.tiles.first.click()
    page.get_by_role("button", name="Good match").click()
    check(chat, "the larger view with a thumb")
    page.keyboard.press("Escape")

    problem = json.dumps({"detail": "Something went wrong on our side."})
    page.route("**/api/messages", lambda route: route.fulfill(status=500, body=problem), times=1)
    chat.box.fill("a red circle")
    chat.box.press("Enter")
    expect(page.get_by_role("button", name="Retry")).to_be_visible()
    chat.expect_error("500")
    page.context.set_offline(True)
    chat.box.fill("x" * 2001)
    chat.box.press("Enter")
    expect(page.get_by_text("You are offline.")).to_be_visible()
    check(chat, "pictures, chips, a running search, a failed message, a text too long, offline")
    page.context.set_offline(False)

    chat.embed(title="Pictures")
    launcher = page.get_by_role("button", name="Open the chat: Pictures")
    launcher.wait_for()
    check(chat, "a closed bubble on a page")
    launcher.click()
    expect(chat.box).to_be_focused()
    check(chat, "an open bubble with its welcome")
