"""The widget and the demo page in a real browser, against a running server."""

import json
import re
from io import BytesIO

import pytest
from PIL import Image
from playwright.sync_api import Locator, Route, expect

from tests.fixtures.browser import OpenPage

pytestmark = pytest.mark.browser

REQUEST = "a red circle"


def answer_with(*replies: dict[str, object]) -> str:
    """A body of POST /api/messages."""
    return json.dumps(
        {"replies": replies, "intent": {"name": "search_images", "confidence": 1.0}, "turn": 1}
    )


def picture(caption: str, url: str = "/icon.svg") -> dict[str, object]:
    """A picture as the server describes one."""
    return {
        "id": "0123456789abcdef",
        "url": url,
        "thumbnail": url,
        "caption": caption,
        "score": 0.5,
        "reasons": ["visual"],
        "width": 64,
        "height": 64,
    }


def png(width: int = 60, height: int = 40) -> bytes:
    buffer = BytesIO()
    Image.new("RGB", (width, height), "crimson").save(buffer, "PNG")
    return buffer.getvalue()


def test_page_answers_with_pictures(server_url: str, open_page: OpenPage) -> None:
    chat = open_page(server_url)
    expect(chat.page.locator("#about")).to_contain_text("pictures")
    expect(chat.page.locator("#snippet")).to_have_text(
        f'<script src="{server_url}/widget.js" defer></script>'
    )
    chat.say(REQUEST)
    assert 1 <= len(chat.captions()) <= 6
    assert all(chat.captions())
    chat.loaded()
    chat.shoot("page_light")


def test_example_chip_sends_itself(server_url: str, open_page: OpenPage) -> None:
    chat = open_page(server_url)
    chip = chat.answers.first.locator(".chips button").first
    words = chip.inner_text()
    chat.answer_to(chip.click)
    assert chat.said == [words]
    expect(chat.box).to_be_focused()


def test_dark_follows_the_reader(server_url: str, open_page: OpenPage) -> None:
    grounds = {}
    for scheme in ("light", "dark"):
        chat = open_page(server_url, color_scheme=scheme)
        grounds[scheme] = chat.page.locator(".panel").evaluate(
            "panel => getComputedStyle(panel).backgroundColor"
        )
        chat.say(REQUEST)
        chat.loaded()
    chat.shoot("page_dark")
    assert grounds["light"] != grounds["dark"]


def test_enter_sends_and_shift_enter_breaks_the_line(server_url: str, open_page: OpenPage) -> None:
    chat = open_page(server_url)
    chat.box.press_sequentially("a red")
    chat.box.press("Shift+Enter")
    chat.box.press_sequentially("circle")
    assert chat.box.input_value() == "a red\ncircle"
    chat.answer_to(lambda: chat.box.press("Enter"))
    assert chat.said == ["a red\ncircle"]
    assert chat.box.input_value() == ""
    chat.box.fill("   ")
    chat.box.press("Enter")
    assert len(chat.said) == 1, "an empty message was sent"


def test_keyboard_alone_opens_walks_and_closes_the_larger_view(
    server_url: str, open_page: OpenPage
) -> None:
    chat = open_page(server_url)
    chat.say(REQUEST)
    captions = chat.captions()
    assert len(captions) > 1
    first = chat.tiles.first
    for _ in range(60):
        chat.page.keyboard.press("Shift+Tab")
        if first.evaluate("tile => tile.getRootNode().activeElement === tile"):
            break
    expect(first).to_be_focused()
    outline = first.evaluate("tile => getComputedStyle(tile).outlineStyle")
    assert outline == "solid", "the focus cannot be seen"
    chat.page.keyboard.press("Enter")
    view = chat.page.get_by_role("dialog", name="Picture")
    expect(view.get_by_role("heading")).to_have_text(captions[0])
    expect(view.get_by_label("Why this picture")).to_contain_text(re.compile(r"\w+"))
    chat.shoot("larger_view")
    chat.page.keyboard.press("ArrowRight")
    expect(view.get_by_role("heading")).to_have_text(captions[1])
    expect(view.locator(".counter")).to_have_text(f"2 of {len(captions)}")
    chat.page.keyboard.press("ArrowLeft")
    chat.page.keyboard.press("ArrowLeft")
    expect(view.get_by_role("heading")).to_have_text(captions[-1])
    chat.page.keyboard.press("Escape")
    expect(view).to_be_hidden()
    expect(first).to_be_focused()


def test_screen_reader_finds_log_alternatives_and_names(
    server_url: str, open_page: OpenPage
) -> None:
    chat = open_page(server_url)
    chat.say(REQUEST)
    log = chat.page.get_by_role("log")
    expect(log).to_have_attribute("aria-live", "polite")
    for number, caption in enumerate(chat.captions(), start=1):
        expect(log.get_by_role("button", name=f"{number}: {caption}", exact=True)).to_be_visible()
        expect(log.get_by_role("button", name=f"More like number {number}")).to_be_visible()
    nameless = chat.page.locator("button").evaluate_all(
        "buttons => buttons.filter(b => !b.ariaLabel && !b.textContent.trim()"
        " && !b.querySelector('img[alt]')).length"
    )
    assert nameless == 0, "there are buttons without a name"


def test_larger_view_sends_feedback(server_url: str, open_page: OpenPage) -> None:
    chat = open_page(server_url)
    chat.say(REQUEST)
    pictures = chat.page.locator("article.bot", has=chat.page.locator("button.view")).first
    tile = pictures.locator("button.view").first
    caption = tile.locator("img").get_attribute("alt") or ""
    image_id = str(tile.locator("img").get_attribute("src")).split("?")[0].rsplit("/", 1)[1]
    view = chat.page.get_by_role("dialog", name="Picture")
    for button, payload, bubble in (
        ("Good match", '/rate_image{"image":"ID","rating":"up"}', "Good match: “CAPTION”"),
        ("Poor match", '/rate_image{"image":"ID","rating":"down"}', "Poor match: “CAPTION”"),
        ("More like this", '/similar_to_image{"image":"ID"}', "More like “CAPTION”"),
        ("Not this one", '/unlike_image{"image":"ID"}', "Not this one: “CAPTION”"),
    ):
        tile.click()
        chat.answer_to(view.get_by_role("button", name=button).click)
        assert chat.said[-1] == bubble.replace("CAPTION", caption)
        assert payload.replace("ID", image_id) in chat.sent[-1]
        if view.is_visible():
            chat.page.keyboard.press("Escape")


def test_quick_reply_sends_its_payload_and_shows_its_title(
    server_url: str, open_page: OpenPage
) -> None:
    chat = open_page(server_url)
    offered = {"text": "Well?", "quick_replies": [{"title": "Go on", "payload": "/more_images"}]}
    chat.page.route(
        "**/api/messages", lambda route: route.fulfill(body=answer_with(offered)), times=1
    )
    answer = chat.say(REQUEST)
    chat.answer_to(answer.get_by_role("button", name="Go on").click)
    assert chat.said[-1] == "Go on"
    assert "/more_images" in chat.sent[-1]
    expect(answer.locator(".chips:visible")).to_have_count(0)


def test_a_question_is_answered_right_below_it(server_url: str, open_page: OpenPage) -> None:
    chat = open_page(server_url)
    found = {"text": "Here.", "quick_replies": [{"title": "More", "payload": "/more_images"}]}
    scenes = [{"title": title, "payload": "/help"} for title in ("on grass", "in the water")]
    body = answer_with(found, {"text": "Do you mean?", "quick_replies": scenes})
    chat.page.route("**/api/messages", lambda route: route.fulfill(body=body), times=1)
    answer = chat.say(REQUEST)
    rows = [row.all_inner_texts() for row in map(_buttons, answer.locator(".chips").all())]
    assert rows == [["on grass", "in the water"], ["More"]]
    chat.answer_to(answer.get_by_role("button", name="in the water").click)
    assert chat.said[-1] == "in the water"
    expect(answer.locator(".chips:visible")).to_have_count(0)


def _buttons(row: Locator) -> Locator:
    return row.get_by_role("button")


def test_reload_keeps_the_chat_and_new_chat_ends_it(server_url: str, open_page: OpenPage) -> None:
    chat = open_page(server_url)
    chat.say(REQUEST)
    chat.page.get_by_label("Add a picture").locator("xpath=../..").locator(
        "input"
    ).first.set_input_files({"name": "red.png", "mimeType": "image/png", "buffer": png()})
    expect(chat.page.get_by_text("red.png")).to_be_visible()
    chat.answer_to(lambda: chat.box.press("Enter"))
    before = (chat.said, chat.captions(), chat.answers.count())
    chat.page.reload()
    expect(chat.answers).to_have_count(before[2])
    assert (chat.said, chat.captions(), chat.answers.count()) == before
    expect(chat.page.locator(".sent canvas")).to_be_visible()
    chat.say(REQUEST)
    senders = [re.search(r'name="sender"\s+(\S+)', body) for body in chat.sent]
    assert len({match[1] for match in senders if match}) == 1

    chat.page.get_by_role("button", name="New chat").click()
    assert chat.said == []
    chat.say(REQUEST)
    match = re.search(r'name="sender"\s+(\S+)', chat.sent[-1])
    assert match is not None
    assert senders[0] is not None
    assert match[1] != senders[0][1]


def test_markup_from_people_and_server_stays_text(server_url: str, open_page: OpenPage) -> None:
    chat = open_page(server_url)
    evil = '<img src=x onerror="window.taken = 1"><script>window.taken = 1</script>'
    chat.say(evil)  # the real server, which may repeat it
    assert chat.said == [evil]
    reply = {
        "text": evil,
        "images": [
            picture(evil),
            *(picture("bad", url) for url in ("javascript:alert(1)", "data:text/html,x")),
        ],
        "quick_replies": [{"title": evil, "payload": "/more_images"}],
    }
    body = answer_with(reply)
    past = {"id": "1", "text": evil, "picture": None, "at": 0, "answer": json.loads(body)}
    remembered = json.dumps({"messages": [past], "ratings": {}})
    chat.page.route("**/api/messages", lambda route: route.fulfill(body=body))
    chat.page.route("**/api/messages?*", lambda route: route.fulfill(body=remembered))
    chat.say("again")
    assert chat.captions() == [evil], "a picture whose address is not http(s) was shown"
    chat.tiles.first.click()
    expect(chat.page.get_by_role("dialog").get_by_role("heading")).to_have_text(evil)
    chat.page.reload()
    expect(chat.answers).to_have_count(2)
    assert chat.captions() == chat.said == [evil]
    assert chat.page.evaluate("window.taken") is None
    assert chat.page.locator("img[src='x']").count() == 0


def test_refused_message_shows_the_sentence(server_url: str, open_page: OpenPage) -> None:
    chat = open_page(server_url)
    chat.box.fill("bell \x07 rings")
    chat.box.press("Enter")
    turn = chat.page.locator("article.user").last
    expect(turn.locator(".note")).to_contain_text(re.compile(r"control character", re.I))
    expect(turn.get_by_role("button", name="Retry")).to_have_count(0)
    chat.expect_error("422")
    chat.shoot("refused")
    chat.say(REQUEST)


def test_retry_keeps_the_order(server_url: str, open_page: OpenPage) -> None:
    chat = open_page(server_url)
    problem = json.dumps({"detail": "Something went wrong on our side."})
    chat.page.route(
        "**/api/messages", lambda route: route.fulfill(status=500, body=problem), times=1
    )
    chat.box.fill("a red circle")
    chat.box.press("Enter")
    turn = chat.page.locator("article.user").first
    expect(turn.locator(".note")).to_contain_text("Something went wrong on our side.")
    chat.shoot("error")
    # The next message sets the line in motion again: the failed one goes first.
    answers = chat.answers.count()
    chat.box.fill("a blue square")
    chat.box.press("Enter")
    expect(chat.answers).to_have_count(answers + 2)
    assert [("red" in body, "blue" in body) for body in chat.sent] == [
        (True, False),
        (True, False),
        (False, True),
    ]
    expect(turn.get_by_role("button", name="Retry")).to_have_count(0)
    chat.expect_error("500")


def test_busy_server_is_asked_again_by_itself(server_url: str, open_page: OpenPage) -> None:
    chat = open_page(server_url)
    refusals = []

    def refuse(route: Route) -> None:
        refusals.append(1)
        route.fulfill(
            status=503,
            headers={"Retry-After": "1"},
            body=json.dumps({"detail": "The sessions are out of reach."}),
        )

    chat.page.route("**/api/messages", refuse, times=2)
    chat.box.fill(REQUEST)
    chat.box.press("Enter")
    note = chat.page.locator("article.user .note")
    expect(note).to_contain_text("The sessions are out of reach. Trying again in 1 s.")
    expect(chat.answers).to_have_count(2, timeout=15_000)
    expect(note).to_be_empty()
    assert len(refusals) == 2
    chat.expect_error("503")


def test_offline_message_is_sent_when_back(server_url: str, open_page: OpenPage) -> None:
    chat = open_page(server_url)
    chat.page.context.set_offline(True)
    chat.box.fill(REQUEST)
    chat.box.press("Enter")
    expect(chat.page.get_by_text("You are offline.")).to_be_visible()
    expect(chat.page.locator("article.user .note")).to_contain_text("back online")
    chat.shoot("offline")
    chat.page.context.set_offline(False)
    expect(chat.answers).to_have_count(2, timeout=15_000)
    expect(chat.page.get_by_text("You are offline.")).to_be_hidden()


def test_unreachable_server_offers_retry(server_url: str, open_page: OpenPage) -> None:
    chat = open_page(server_url)
    chat.page.route("**/api/messages", lambda route: route.abort(), times=1)
    chat.box.fill(REQUEST)
    chat.box.press("Enter")
    expect(chat.page.locator("article.user .note")).to_contain_text("cannot be reached")
    chat.answer_to(chat.page.get_by_role("button", name="Retry").click)
    chat.expect_error("ERR_FAILED")
