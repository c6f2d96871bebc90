"""Speech in and out; a browser's own recognition needs a microphone, so another is put in."""

import pytest
from playwright.sync_api import expect

from tests.fixtures.browser import OpenPage

pytestmark = pytest.mark.browser

HEARING = """
window.spoken = [];
window.speechSynthesis.speak = ({text, lang}) => spoken.push([text, lang]);
window.webkitSpeechRecognition = class {
  start() { window.hearing = this; }
  stop() { this.onend(); }
  abort() { this.onend(); }
};
window.SpeechRecognition = undefined;
window.hear = (...texts) => hearing.onresult({results: texts.map(transcript => [{transcript}])});
"""


def test_who_speaks_is_answered_aloud(server_url: str, open_page: OpenPage) -> None:
    chat = open_page(server_url)
    chat.page.add_init_script(HEARING)
    chat.page.reload()
    speak = chat.page.get_by_role("button", name="Speak")
    expect(speak).to_be_hidden()
    chat.embed(voice="", inline="")
    speak.click()
    expect(speak).to_have_attribute("aria-pressed", "true")
    chat.page.evaluate("hear('a red', ' circle')")
    expect(chat.box).to_have_value("a red circle")
    chat.shoot("voice")
    answer = chat.answer_to(speak.click)
    assert chat.said == ["a red circle"]
    expect(speak).to_have_attribute("aria-pressed", "false")
    words = answer.locator(".bubble").inner_text()
    assert chat.page.evaluate("spoken") == [[words, "en"]]
    chat.say("a blue star")
    assert len(chat.page.evaluate("spoken")) == 1, "what was typed is not read aloud"

    speak.click()
    chat.page.evaluate("hearing.onerror({error: 'not-allowed'}), hearing.onend()")
    expect(chat.page.get_by_role("alert")).to_contain_text("may not use the microphone")
