"""The page of examples: all that docs/widget.md documents is on it, and works."""

import itertools
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from bot.files.page import WIDGET
from tests.e2e.conftest import ROOT
from tests.fixtures.browser import OUTPUT, violations

DOCS = (ROOT / "docs/widget.md").read_text(encoding="utf-8")
PAGE = "".join(
    (WIDGET / f"examples.{kind}").read_text(encoding="utf-8") for kind in ("html", "css", "js")
)


def documented(heading: str) -> list[str]:
    """Return what stands in backticks in a section of the documentation."""
    section = DOCS.split(f"## {heading}\n")[1].split("\n## ")[0]
    return re.findall(r"`([^`]+)`", section)


def test_all_that_is_documented_is_shown() -> None:
    rows = re.findall(r"^\| (`.+?) \|", DOCS.split("## Attributes")[1].split("\n## ")[0], re.M)
    attributes = re.findall(r"`([a-z-]+)`", " ".join(rows))
    looks = documented("Looks")
    properties = [one for one in looks if one.startswith("--showtell")]
    parts = [one for one in looks if re.fullmatch(r"[a-z]+", one)]
    calls = documented("Methods, properties, events")
    methods = [one.split("(")[0] for one in calls if re.match(r"[a-zA-Z]+\(", one)]
    events = [one.removeprefix("showtell:") for one in calls if re.fullmatch(r"showtell:\w+", one)]
    assert (len(attributes), len(properties), len(parts), len(events)) == (13, 10, 13, 4)
    assert methods[:4] == ["send", "show", "hide", "newChat"]
    tags = " ".join(re.findall(r"<showtell-chat[^>]*>", PAGE))
    # The bubble is opened by show() below; opened by its attribute it would hide the page.
    assert [one for one in attributes if f" {one}" not in tags] == ["open"]
    assert [one for one in properties if f"{one}:" not in PAGE] == []
    assert [one for one in parts if f"::part({one})" not in PAGE] == []
    assert [one for one in methods[:4] if f".{one}(" not in PAGE] == []
    assert [one for one in events if f'"{one}"' not in PAGE] == []


@pytest.fixture(scope="module")
def page(browser: Browser, shared_server: object) -> Iterator[Page]:
    """The page, which all tests of this file go on with."""
    context = browser.new_context(viewport={"width": 1100, "height": 900})
    page = context.new_page()
    errors: list[str] = []
    page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"{shared_server.url}/examples")  # type: ignore[attr-defined]
    expect(page.locator("#voice .panel")).to_be_visible()
    yield page
    context.close()
    assert errors == []


def style(element: Locator, name: str) -> str:
    """Return a computed style."""
    return str(element.evaluate("(element, name) => getComputedStyle(element)[name]", name))


def say(page: Page, name: str, text: str) -> Locator:
    """Say something in the chat of this name; return its answer."""
    chat = page.locator(f"#{name}")
    answers = chat.locator("article.bot")
    before = answers.count()
    chat.get_by_role("textbox").fill(text)
    chat.get_by_role("textbox").press("Enter")
    expect(answers).to_have_count(before + 1)
    return answers.last


@pytest.mark.browser
def test_attributes_do_what_their_code_says(page: Page) -> None:
    texts = page.locator("#texts")
    expect(texts.get_by_role("heading")).to_have_text("Our photo archive")
    expect(texts.get_by_role("textbox")).to_have_attribute("placeholder", "Describe a picture")
    expect(texts.get_by_text("What are you looking for?")).to_be_visible()
    expect(texts.locator(".chips button")).to_have_text(["a red circle", "something blue"])
    code = page.get_by_role("group", name="Code: Texts")
    expect(code).to_contain_text('<showtell-chat id="texts" inline title="Our photo archive"')
    assert style(page.locator("#accent .send"), "backgroundColor") == "rgb(255, 212, 0)"
    assert style(page.locator("#accent .send"), "color") != "rgb(255, 255, 255)"
    grounds = {
        name: style(page.locator(f"#{name} .panel"), "backgroundColor")
        for name in ("texts", "theme")
    }
    assert grounds["texts"] != grounds["theme"]
    assert page.locator("#voice").get_by_role("button", name=re.compile("[Ss]peak")).count() <= 1
    expect(page.locator("#server-is")).to_have_text(page.url.removesuffix("examples"))
    expect(say(page, "server", "a red circle").locator("img").first).to_be_visible()
    expect(say(page, "rasa", "a blue star").locator("img").first).to_be_visible()


@pytest.mark.browser
def test_properties_and_parts_change_the_looks(page: Page) -> None:
    say(page, "looks", "a red circle")
    send = page.locator("#looks .send")
    assert style(send, "backgroundColor") == "rgb(122, 32, 72)"
    assert style(page.locator("#looks .panel"), "fontFamily").startswith("georgia")
    expect(page.get_by_role("group", name="Code: Colors and font")).to_contain_text(
        "--showtell-line: light-dark("
    )
    answer = say(page, "parts", "a red circle")
    assert style(answer, "borderInlineStartWidth") == "3px"
    assert style(page.locator("#parts .send"), "borderRadius") == "6px"
    assert style(page.locator("#parts article.user").first, "fontStyle") == "italic"
    assert style(page.locator("#bubble .launcher"), "borderRadius") == "12px"
    expect(page.get_by_role("group", name="Code: Parts")).to_contain_text("#parts::part(viewer)")


@pytest.mark.browser
def test_the_page_calls_the_chat_and_hears_from_it(page: Page) -> None:
    heard = page.locator("#heard li")
    page.get_by_role("button", name="send(").click()
    expect(heard.first).to_contain_text("showtell:answer of From the page")
    expect(heard.nth(1)).to_contain_text('showtell:message of From the page: {"text":"a red circ')
    page.locator("#calls button.view").first.click()
    expect(heard.first).to_contain_text('showtell:picture of From the page: {"picture":{"id"')
    page.keyboard.press("Escape")
    page.get_by_role("button", name="newChat()").click()
    expect(page.locator("#calls article.user")).to_have_count(0)
    page.get_by_role("button", name="examples =").click()
    expect(page.locator("#calls .chips button")).to_have_text(["stars"])
    page.get_by_role("button", name="show()").click()
    expect(page.locator("#bubble").get_by_role("textbox")).to_be_focused()
    expect(heard.first).to_contain_text('showtell:open of The bubble: {"open":true}')
    page.get_by_role("button", name="hide()").click()
    expect(page.locator("#bubble .panel")).to_be_hidden()
    expect(heard.first).to_contain_text('{"open":false}')


@pytest.mark.browser
def test_two_chats_of_one_session_tell_the_same_after_a_reload(page: Page) -> None:
    say(page, "session", "a green square")
    page.reload()
    for chat in page.locator("[session=examples]").all():
        expect(chat.locator("article.user .bubble")).to_have_text(["a green square"])


@pytest.mark.browser
@pytest.mark.parametrize("look", ["light", "dark"])
def test_axe_finds_nothing(page: Page, look: str) -> None:
    page.emulate_media(color_scheme=look, reduced_motion="reduce")  # type: ignore[arg-type]
    assert violations(page) == []
    page.screenshot(path=OUTPUT / f"examples_{look}.png", full_page=True)
    places: list[list[float]] = page.evaluate(
        """() => [...document.querySelectorAll("main section > :not(#bubble)")]
          .map(part => part.getBoundingClientRect()).map(({ top, bottom }) => [top, bottom])"""
    )
    assert all(above[1] <= below[0] for above, below in itertools.pairwise(places)), "they overlap"
