"""The running search stands above the input, and each part of it can be taken out."""

import pytest
from playwright.sync_api import expect

from tests.fixtures.browser import Chat, OpenPage

pytestmark = pytest.mark.browser


def parts(chat: Chat) -> list[str]:
    """Return what the chips of the running search say."""
    listed: list[str] = (
        chat.page.get_by_role("list", name="Your search").get_by_role("button").all_inner_texts()
    )
    return listed


def take_out(chat: Chat, part: str) -> None:
    chat.answer_to(chat.page.get_by_role("button", name=f"Take out “{part}”").click)


def test_parts_of_the_search_can_be_taken_out(server_url: str, open_page: OpenPage) -> None:
    chat = open_page(server_url)
    assert parts(chat) == []
    chat.say("show me stars but no red things")
    assert parts(chat) == ["stars", "without red"]
    assert not any("red" in caption for caption in chat.captions())
    chat.say("green ones")
    assert parts(chat) == ["stars", "green", "without red"]
    liked = chat.captions()[0]
    chat.say("more like the first one")
    assert parts(chat)[-1] == f"like “{liked}”"
    chat.shoot("search_chips")
    take_out(chat, "without red")
    take_out(chat, "green")
    assert parts(chat) == ["stars", f"like “{liked}”"]
    assert chat.said[-1] == "Take out “green”"
    chat.page.reload()
    expect(chat.page.get_by_role("button", name="Take out “stars”")).to_be_visible()
    chat.page.get_by_role("button", name="New chat").click()
    expect(chat.page.get_by_role("list", name="Your search")).to_be_hidden()
