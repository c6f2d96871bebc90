"""The widget in front of a Rasa server: texts, pictures, buttons, and nothing that Rasa has not."""

import json

import pytest
from playwright.sync_api import Request, expect

from tests.fixtures.browser import Chat, OpenPage

pytestmark = pytest.mark.browser


def ask_rasa(chat: Chat, url: str) -> list[dict[str, str]]:
    """Put a widget for a Rasa server into the page; return what it will have sent."""
    sent: list[dict[str, str]] = []

    def note(request: Request) -> None:
        if request.url.endswith("/webhooks/rest/webhook"):
            sent.append(json.loads(request.post_data or ""))

    chat.page.on("request", note)
    chat.embed(rasa=url, inline="")
    return sent


def test_texts_pictures_and_buttons_go_both_ways(server_url: str, open_page: OpenPage) -> None:
    chat = open_page(server_url)
    sent = ask_rasa(chat, server_url)
    expect(chat.page.get_by_role("button", name="Add a picture")).to_be_hidden()
    answer = chat.say("a red circle")
    assert chat.captions()[0] == "a red circle"
    shown = chat.pictures()
    chat.answer_to(answer.get_by_role("button", name="More", exact=True).click)
    assert not set(chat.pictures()) & set(shown)
    like = chat.answers.last.get_by_role("button", name="More like number 1", exact=True)
    chat.answer_to(like.click)
    assert [message["message"].split("{")[0] for message in sent] == [
        "a red circle",
        "/more_images",
        "/similar_to_image",
    ]
    assert len({message["sender"] for message in sent}) == 1
    before = (chat.said, chat.captions())
    chat.page.reload()
    ask_rasa(chat, server_url)
    expect(chat.page.locator("article.user")).to_have_count(3)
    assert (chat.said, chat.captions()) == before
    assert chat.sent == [], "our own route was used"


def test_what_another_bot_sends_is_shown_as_far_as_it_can_be(
    server_url: str, open_page: OpenPage
) -> None:
    chat = open_page(server_url)
    ask_rasa(chat, server_url)
    items = [
        {"recipient_id": "x", "text": "Two forms:"},
        {"image": f"{server_url}/icon.svg"},
        {"custom": {"images": "none", "data": {"images": [None, {"url": 7}]}}},
        {"attachment": {"type": "video"}},
        None,
        {"text": "Which?", "buttons": [{"title": "This", "payload": "/affirm"}, {"title": "?"}]},
    ]
    chat.page.route(
        "**/webhooks/rest/webhook",
        lambda route: route.fulfill(body=json.dumps(items)),
        times=1,
    )
    answer = chat.say("help me choose")
    expect(answer.locator(".bubble")).to_have_text(["Two forms:", "Which?"])
    expect(answer.locator(".chips button")).to_have_text(["This"])
    expect(answer.locator(".like")).to_have_count(0)
    chat.tiles.first.click()
    expect(chat.page.get_by_role("button", name="Good match")).to_be_hidden()
    chat.shoot("any_rasa")
    chat.page.keyboard.press("Escape")
    chat.page.route(
        "**/webhooks/rest/webhook", lambda route: route.fulfill(status=500, body="?"), times=1
    )
    chat.box.fill("and now?")
    chat.box.press("Enter")
    expect(chat.page.get_by_role("button", name="Retry")).to_be_visible()
    chat.expect_error("500")
