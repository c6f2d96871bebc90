"""Reading answers: the larger view, keys, what stays where one reads, what comes again."""

import json

import pytest
from playwright.sync_api import expect

from tests.fixtures.browser import OpenPage, violations

pytestmark = pytest.mark.browser

REQUEST = "a red circle"


def test_the_larger_view_fills_the_window_and_back_closes_it(
    server_url: str, open_page: OpenPage
) -> None:
    chat = open_page(
        server_url,
        viewport={"width": 390, "height": 700},
        has_touch=True,
        reduced_motion="reduce",
    )
    chat.say(REQUEST)
    captions = chat.captions()
    chat.tiles.first.click()
    view = chat.page.get_by_role("dialog", name="Picture")
    assert view.bounding_box() == {"x": 0, "y": 0, "width": 390, "height": 700}
    link = view.get_by_role("link", name="Download")
    assert str(link.get_attribute("href")).startswith(f"{server_url}/images/")
    view.get_by_role("button", name="Enlarge").click()
    width = view.locator("img").evaluate("image => image.getBoundingClientRect().width")
    assert width > 700
    chat.shoot("viewer_zoomed")
    view.get_by_role("button", name="Enlarge").click()
    view.locator(".stage").evaluate(
        """stage => {
          const at = (type, clientX) => stage.dispatchEvent(
            new PointerEvent(type, {clientX, pointerType: 'touch', bubbles: true}));
          at('pointerdown', 300);
          at('pointerup', 100);
        }"""
    )
    expect(view.get_by_role("heading")).to_have_text(captions[1])
    chat.shoot("viewer_phone")
    chat.page.go_back()
    expect(view).to_be_hidden()
    expect(chat.answers).to_have_count(2)


def test_an_answer_is_two_tab_stops_and_arrows_walk_through_it(
    server_url: str, open_page: OpenPage
) -> None:
    chat = open_page(server_url)
    answer = chat.say(REQUEST)
    stops = answer.locator(".grid button").evaluate_all(
        "all => all.filter(b => !b.tabIndex).length"
    )
    assert stops == 2
    chat.tiles.first.focus()
    chat.page.keyboard.press("ArrowRight")
    expect(chat.tiles.nth(1)).to_be_focused()
    chat.page.keyboard.press("End")
    expect(chat.tiles.last).to_be_focused()


def test_who_reads_above_stays_there_and_is_told(server_url: str, open_page: OpenPage) -> None:
    chat = open_page(server_url, viewport={"width": 700, "height": 520}, reduced_motion="reduce")
    chat.say(REQUEST)
    chat.say("green stars")
    log = chat.page.get_by_role("log")
    log.hover()
    chat.page.mouse.wheel(0, -2000)
    expect(log).to_have_js_property("scrollTop", 0)
    other = chat.page.context.new_page()
    other.goto(server_url)
    other.get_by_role("textbox").fill("a blue square")
    other.get_by_role("textbox").press("Enter")
    expect(chat.answers).to_have_count(4)
    expect(log).to_have_js_property("scrollTop", 0)
    chat.page.get_by_role("button", name="New answer").click()
    assert log.evaluate("log => log.scrollTop") > 0


def test_a_picture_that_did_not_come_is_asked_for_again(
    server_url: str, open_page: OpenPage
) -> None:
    chat = open_page(server_url)
    chat.page.route("**/images/*", lambda route: route.abort(), times=1)
    chat.say(REQUEST)
    expect(chat.page.locator(".tile.broken")).to_have_count(0, timeout=10_000)
    chat.loaded()
    chat.expect_error("ERR_FAILED")


def test_an_answer_can_be_stopped_and_answers_stand_below_their_questions(
    server_url: str, open_page: OpenPage
) -> None:
    chat = open_page(server_url)
    held = []
    chat.page.route("**/api/messages", lambda route: held.append(route), times=1)
    chat.box.fill("one")
    chat.box.press("Enter")
    chat.box.fill("two")
    chat.box.press("Enter")
    chat.page.get_by_role("button", name="Stop").click()
    expect(chat.page.locator("article.user .note").first).to_contain_text(
        "Stopped before the answer came."
    )
    chat.page.get_by_role("button", name="Retry").first.click()
    expect(chat.answers).to_have_count(3)
    order = chat.page.locator("article.user, article.bot").evaluate_all(
        "all => all.map(turn => turn.classList.contains('user') ? 'user' : 'bot')"
    )
    assert order == ["bot", "user", "bot", "user", "bot"]


def test_the_element_reports_what_happens(server_url: str, open_page: OpenPage) -> None:
    chat = open_page(server_url)
    chat.page.evaluate(
        """() => {
          window.told = [];
          const tell = ({type, detail}) => told.push([type, detail]);
          for (const what of ['message', 'answer', 'picture', 'open'])
            document.addEventListener(`showtell:${what}`, tell);
        }"""
    )
    chat.say(REQUEST)
    chat.tiles.first.click()
    told = chat.page.evaluate("window.told")
    assert [kind for kind, _ in told] == ["showtell:message", "showtell:answer", "showtell:picture"]
    assert told[0][1] == {"text": REQUEST}
    assert json.dumps(told[1][1]).count('"caption"') >= 1


def test_markdown_of_a_bot_is_drawn_and_its_markup_is_not(
    server_url: str, open_page: OpenPage
) -> None:
    chat = open_page(server_url)
    text = """**Bold** and *slanted*, 2 * 3 * 4, snake_case_name, `<b>`.
See https://example.org/a_b_c. [Here](https://example.org/x), [not](javascript:alert(1)).

1. one
2. two with **weight**
- a <i>point</i>

```
<script>x</script>
```"""
    body = json.dumps({"replies": [{"text": text}]})
    chat.page.route("**/api/messages", lambda route: route.fulfill(body=body), times=1)
    bubble = chat.say("**mine** stays").locator(".bubble")
    drawn = bubble.evaluate(
        """bubble => [...bubble.querySelectorAll('*')]
          .filter(node => !node.matches('p, pre')).map(node => [node.localName, node.innerText])"""
    )
    assert drawn == [
        ["strong", "Bold"],
        ["em", "slanted"],
        ["code", "<b>"],
        ["a", "https://example.org/a_b_c"],
        ["a", "Here"],
        ["ol", "one\ntwo with weight"],
        ["li", "one"],
        ["li", "two with weight"],
        ["strong", "weight"],
        ["ul", "a <i>point</i>"],
        ["li", "a <i>point</i>"],
        ["code", "<script>x</script>"],
    ]
    expect(bubble).to_contain_text("2 * 3 * 4, snake_case_name")
    expect(bubble).to_contain_text("[not](javascript:alert(1))")
    assert bubble.locator("a").last.get_attribute("rel") == "noopener noreferrer"
    assert chat.said == ["**mine** stays"]
    assert violations(chat.page) == []
    chat.shoot("markdown")


def test_too_long_a_text_is_said_not_cut(server_url: str, open_page: OpenPage) -> None:
    chat = open_page(server_url)
    chat.box.fill("x" * 2001)
    chat.box.press("Enter")
    expect(chat.page.get_by_role("alert")).to_contain_text(
        "2001 characters; you can send at most 2000"
    )
    assert chat.box.input_value() == "x" * 2001
