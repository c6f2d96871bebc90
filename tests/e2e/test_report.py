"""The report in a real browser, from a file: hover, find, zoom, no errors, nothing fetched."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from embedding.data.pairs import Pairs, load_pairs
from tests.embedding.evaluation.test_report import NASTY, written
from tests.fixtures.browser import OUTPUT

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def report(shapes_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    pairs = load_pairs(f"csv:{shapes_dir}").subset(range(40))
    pairs.captions[3] = NASTY
    path = tmp_path_factory.mktemp("report") / "report.html"
    history = [{"fold": 0, "epoch": e, "loss": 4 / e, "r1": 20.0 * e} for e in (1, 2, 3)]
    written(path, Pairs(**{**vars(pairs), "name": "flickr8k:shapes"}), history=history)
    return path


@pytest.fixture
def page(browser: Browser, report: Path) -> Iterator[Page]:
    OUTPUT.mkdir(exist_ok=True)
    context = browser.new_context(viewport={"width": 1200, "height": 900})
    opened = context.new_page()
    wrong: list[str] = []
    asked: list[str] = []
    opened.on("console", lambda message: wrong.append(message.text))
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("dialog", lambda dialog: wrong.append(dialog.message))
    opened.on("request", lambda request: asked.append(request.url[:60]))
    opened.goto(report.as_uri())
    yield opened
    context.close()
    assert wrong == []
    assert [url for url in asked if not url.startswith(("data:", "file:"))] == []


def test_pointing_at_a_caption_shows_it_with_its_picture(page: Page) -> None:
    tip = page.locator("#tip")
    expect(tip).to_be_hidden()
    page.locator(".point.words").nth(3).hover(force=True)
    expect(tip).to_be_visible()
    expect(tip.locator("li.self")).to_contain_text(NASTY)
    expect(tip.locator(".cell.pic")).to_have_count(1)
    expect(page.locator("#map line")).to_have_count(1)
    page.screenshot(path=OUTPUT / "report.png")
    page.mouse.move(5, 5)
    expect(tip).to_be_hidden()


def test_a_picture_is_joined_with_all_its_captions_by_keyboard_too(page: Page) -> None:
    page.locator(".point.picture").first.focus()
    expect(page.locator("#tip li")).to_have_count(2)
    expect(page.locator("#map line")).to_have_count(2)
    expect(page.locator(".point.lit")).to_have_count(3)
    page.keyboard.press("Escape")
    expect(page.locator("#tip")).to_be_hidden()


def test_finding_a_word_and_zooming(page: Page) -> None:
    page.get_by_role("searchbox", name="Find in captions").fill("onerror")
    expect(page.locator(".point.words.lit")).to_have_count(1)
    before = page.locator(".point.picture").last.evaluate("node => node.style.transform")
    page.get_by_role("button", name="Zoom in").click()
    page.wait_for_function(
        "before => [...document.querySelectorAll('.point.picture')].at(-1).style.transform"
        " !== before",
        arg=before,
    )
    page.get_by_role("button", name="Whole").click()
    page.wait_for_function(
        "before => [...document.querySelectorAll('.point.picture')].at(-1).style.transform"
        " === before",
        arg=before,
    )


def test_a_phone_shows_all_of_it_without_scrolling_sideways(page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.screenshot(path=OUTPUT / "report_phone.png", full_page=True)
