"""Take the pictures of docs/widget.md and docs/desk.md anew, from a gallery that is indexed.

Usage: `python scripts/take_screenshots.py BUNDLES`, with the demo's bundles: their pictures may be
shown here. Needs Chromium, as the browser tests do.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path[0] = str(ROOT)  # in the place of this folder

from bot.server.embedded_redis import EmbeddedRedis  # noqa: E402
from bot.settings import load_settings  # noqa: E402
from tests.fixtures.browser import ARGUMENTS, MISSING, find_chromium  # noqa: E402
from tests.fixtures.server import TOKEN, make_settings, serve  # noqa: E402

DOCS = ROOT / "docs"
QUALITY = 80
ASKED = ("a red heart", "fruit", "a sleeping fox", "a submarine made of cheese")
# Where each picture is taken: its name, how wide and high, how it looks, what is done before.
Scene = tuple[str, int, int, dict[str, Any], Callable[[Page, str], None]]


def talk(page: Page, url: str) -> None:
    """A search that goes on in the chat page."""
    page.goto(url)
    for number, text in enumerate(("animals", "but no birds"), start=2):
        box = page.get_by_role("textbox")
        box.fill(text)
        box.press("Enter")
        expect(page.locator("article.bot")).to_have_count(number)
    page.get_by_role("textbox").blur()


def enlarge(page: Page, url: str) -> None:
    """The larger view of a picture."""
    talk(page, url)
    page.locator("article.bot").last.locator("button.view").first.click()


def bubble(page: Page, url: str) -> None:
    """An open bubble on a phone."""
    page.goto(f"{url}/examples")
    page.locator("#bubble").evaluate("bubble => bubble.show()")
    box = page.locator("#bubble").get_by_role("textbox")
    box.fill("fruit")
    box.press("Enter")
    expect(page.locator("#bubble article.bot")).to_have_count(2)


def desk(page: Page, url: str) -> None:
    """The desk's questions."""
    page.goto(f"{url}/admin#questions")
    page.get_by_label("Admin token").fill(TOKEN)
    page.keyboard.press("Enter")
    page.get_by_label("Show", exact=True).select_option("all")
    expect(page.get_by_role("row")).to_have_count(1 + len(ASKED))


SCENES: tuple[Scene, ...] = (
    ("widget-320", 320, 640, {}, bubble),
    ("widget-768-dark", 768, 800, {"color_scheme": "dark"}, talk),
    ("widget-768-forced", 768, 800, {"forced_colors": "active"}, talk),
    ("widget-1440-view", 1440, 760, {}, enlarge),
    ("desk-1440", 1440, 760, {}, desk),
)


def take(browser: Browser, url: str, scene: Scene) -> None:
    """Take one picture and keep it in docs."""
    name, width, height, look, act = scene
    page = browser.new_page(viewport={"width": width, "height": height}, **look)
    act(page, url)
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(500)  # scrolling and fading come to rest
    with Image.open(BytesIO(page.screenshot())) as picture:
        picture.save(DOCS / f"{name}.webp", quality=QUALITY, method=6)
    page.close()


def main() -> None:
    """Start a server over the gallery, talk to it, take all pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundles", type=Path)
    bundles = parser.parse_args().bundles
    data_dir = load_settings().data_dir
    program = find_chromium() or sys.exit(MISSING)
    with (
        tempfile.TemporaryDirectory() as scratch,
        EmbeddedRedis(Path(scratch) / "redis") as redis,
        serve(make_settings(bundles, redis.url, data_dir, keep_questions_days=7)) as server,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        page = browser.new_page()
        for number, text in enumerate(ASKED):
            form: dict[str, str | float | bool] = {"sender": f"visitor-{number}", "text": text}
            page.request.post(f"{server.url}/api/messages", form=form)
        page.close()
        # The desk first: the talks of the others are questions too.
        for scene in reversed(SCENES):
            take(browser, server.url, scene)
        browser.close()


if __name__ == "__main__":
    main()
