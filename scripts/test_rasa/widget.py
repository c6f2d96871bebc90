"""Our widget in front of both servers, in a real browser: people must see the same."""

from __future__ import annotations

import sys
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from tests.fixtures.browser import ARGUMENTS, MISSING, Chat, find_chromium

# Texts are typed, titles in brackets are buttons of the answer before.
STEPS = ("hello", "show me a red circle", "[More]", "more like the second one", "[Start over]")


def compare_widget(rasa_url: str, own_url: str) -> list[dict[str, Any]]:
    """Talk to both servers through the widget; return what differs, or is empty.

    Args:
        rasa_url: of the Rasa server.
        own_url: of ours, which also serves the page.
    """
    program = find_chromium()
    if program is None:
        sys.exit(MISSING)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        rasa = _talk(browser, own_url, rasa_url)
        embedded = _talk(browser, own_url, own_url)
        browser.close()
    return [
        {"said": step, "channel": "the widget", "rasa": one, "embedded": other}
        for step, one, other in zip(STEPS, rasa, embedded, strict=True)
        if one != other or not one["texts"]
    ]


def _talk(browser: Browser, page_url: str, rasa_url: str) -> list[dict[str, list[str]]]:
    """Return what is seen after each step: texts, captions of pictures, buttons."""
    page = browser.new_page(bypass_csp=True)  # our page lets scripts talk to its own server only
    page.goto(page_url)
    chat = Chat(page)
    chat.embed(rasa=rasa_url, inline="")
    seen = []
    for step in STEPS:
        if step.startswith("["):
            button = chat.answers.last.get_by_role("button", name=step[1:-1], exact=True)
            answer = chat.answer_to(button.click)
        else:
            answer = chat.say(step)
        texts = answer.locator(".bubble").all_inner_texts()
        buttons = answer.locator(".chips button").all_inner_texts()
        seen.append({"texts": texts, "captions": chat.captions(), "buttons": buttons})
    page.close()
    return seen
