"""The widget rasa-webchat in front of both servers, in a real browser: people must see the same."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from scripts.build_widget import path_with_node
from tests.fixtures.browser import ARGUMENTS, MISSING, find_chromium

PACKAGE = "rasa-webchat@1.0.1"
# Texts are typed, titles in brackets are buttons of the answer before.
STEPS = ("hello", "a red circle", "[More]", "without circles", "[Start over]")
PAGE = """<!doctype html><meta charset="utf-8"><title>rasa-webchat</title>
<div id="webchat"></div><script src="webchat.js"></script><script>
  WebChat.default({
    selector: "#webchat", socketUrl: "URL", socketPath: "/socket.io/", embedded: true,
    initPayload: "", customMessageDelay: () => 0, params: { storage: "session" },
  }, null);
</script>"""
DRAWN = "images => images.filter(image => image.naturalWidth).map(image => image.src)"
# Its page comes from no address of the local network, which Chromium would ask people about.
FLAGS = [*ARGUMENTS, "--disable-features=LocalNetworkAccessChecks"]
# So long nothing more comes when a turn is over: the channel does not say so.
QUIET_MS = 1_500


def install_webchat(folder: Path) -> str:
    """Return the widget's script, fetched from npm unless it is there."""
    packed = folder / f"{PACKAGE.replace('@', '-')}.tgz"
    if not packed.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        command = ["npm", "pack", "--silent", PACKAGE, "--pack-destination", str(folder)]
        environment = {**os.environ, "PATH": path_with_node()}
        subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
    with tarfile.open(packed) as package:
        script = package.extractfile("package/lib/index.js")
        assert script is not None
        return script.read().decode()


def compare_webchat(rasa_url: str, own_url: str, folder: Path) -> list[dict[str, Any]]:
    """Talk to both servers through rasa-webchat; return what differs, or is empty.

    Args:
        rasa_url: of the Rasa server.
        own_url: of ours.
        folder: keeps the widget's package.
    """
    program = find_chromium()
    if program is None:
        sys.exit(MISSING)
    script = install_webchat(folder)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        embedded = _talk(browser, script, own_url)
        rasa = _talk(browser, script, rasa_url, embedded)
        browser.close()
    differences = [
        {"said": step, "channel": "rasa-webchat", "rasa": one, "embedded": other}
        for step, one, other in zip(STEPS, rasa, embedded, strict=True)
        if one != other or not one["texts"]
    ]
    for what in ("pictures", "buttons"):  # in one answer at least, or nothing was compared
        if not any(one[what] for one in embedded):
            differences.append({"said": "", "channel": "rasa-webchat", "missing": what})
    return differences


def _talk(
    browser: Browser, script: str, url: str, expected: list[dict[str, list[str]]] | None = None
) -> list[dict[str, list[str]]]:
    """Return what is seen after each step: texts, addresses of pictures, buttons.

    Args:
        browser: a running one.
        script: of the widget.
        url: of the server.
        expected: what the other server answered, which tells when an answer is whole.
    """
    page = browser.new_page()
    page.route(
        "**/webchat.html",
        lambda route: route.fulfill(body=PAGE.replace("URL", url), content_type="text/html"),
    )
    page.route(
        "**/webchat.js",
        lambda route: route.fulfill(body=script, content_type="text/javascript; charset=utf-8"),
    )
    with page.expect_console_message(lambda message: "session_confirm" in message.text):
        page.goto(f"{url}/webchat.html")
    seen: list[dict[str, list[str]]] = []
    for number, step in enumerate(STEPS):
        if step.startswith("["):
            page.locator(".rw-reply", has_text=step[1:-1]).first.click()
        else:
            page.locator(".rw-new-message").fill(step)
            page.locator(".rw-new-message").press("Enter")
        told = expected[number] if expected else None
        seen.append(_answer(page, number, told))
    page.close()
    return seen


def _answer(page: Page, number: int, told: dict[str, list[str]] | None) -> dict[str, list[str]]:
    """Return what stands behind a person's message, once it is whole."""
    groups = page.locator(".rw-from-response")
    group = groups.nth(number)
    group.wait_for(timeout=60_000)
    parts = group.locator(".rw-message-text, .rw-image-frame")
    if told:
        parts.nth(len(told["texts"]) + len(told["pictures"]) - 1).wait_for(timeout=60_000)
    while True:
        count = parts.count()
        page.wait_for_timeout(QUIET_MS)
        if parts.count() == count:
            break
    return {
        "texts": group.locator(".rw-message-text").all_inner_texts(),
        "pictures": group.locator(".rw-image-frame").evaluate_all(DRAWN),
        "buttons": page.locator(".rw-reply").all_inner_texts(),
    }
