"""Nothing twice, nothing lost, one memory: over reloads, in other tabs, after failures."""

import json
import re

import pytest
from playwright.sync_api import Page, Route, expect

from tests.fixtures.browser import Chat, OpenPage

pytestmark = pytest.mark.browser

REQUEST = "a red circle"
LONG = json.dumps({"sender": "x", "secret": "y" * 300})  # the server takes 200
DAMAGE = """damage => {
  for (const area of [localStorage, sessionStorage]) {
    for (const key of Object.keys(area)) area[key] = damage;
    const key = Object.keys(localStorage).find(key => key.endsWith('/'));
    for (const what of ['draft', 'unsent', 'open', 'seen']) area[`${key}:${what}`] = damage;
  }
}"""


def ids(chat: Chat) -> list[str]:
    """Return the ids of the messages that were answered, oldest first."""
    found = [re.search(r'name="message_id"\s+(\S+)', body) for body in chat.sent]
    return [match[1] for match in found if match]


def said(page: Page) -> list[str]:
    return page.locator("article.user .bubble").all_inner_texts()


def test_an_answer_that_was_lost_is_fetched_not_computed_again(
    server_url: str, open_page: OpenPage
) -> None:
    chat = open_page(server_url)
    chat.say(REQUEST)
    first = chat.captions()

    def lose(route: Route) -> None:
        route.fetch()  # the server has answered, but nobody heard it
        route.abort()

    chat.page.route("**/api/messages", lose, times=1)
    chat.answers.last.get_by_role("button", name="More", exact=True).click()
    retry = chat.page.get_by_role("button", name="Retry")
    chat.answer_to(retry.click)
    assert ids(chat)[0] != ids(chat)[-1]
    history = chat.page.evaluate(
        """async () => {
          const key = Object.keys(localStorage).find(key => key.endsWith('/'));
          const {sender, secret} = JSON.parse(localStorage[key]);
          const headers = {'X-Chat-Secret': secret};
          return (await fetch(`api/messages?sender=${sender}`, {headers})).json();
        }"""
    )
    assert [one["answer"]["turn"] for one in history["messages"]] == [1, 2]
    assert chat.captions() != first
    chat.expect_error("ERR_FAILED")


def test_a_draft_and_an_unsent_message_survive_a_reload(
    server_url: str, open_page: OpenPage
) -> None:
    chat = open_page(server_url)
    problem = json.dumps({"detail": "Something went wrong on our side."})
    chat.page.route(
        "**/api/messages", lambda route: route.fulfill(status=500, body=problem), times=1
    )
    chat.box.fill("a red cirle")
    chat.box.press("Enter")
    expect(chat.page.get_by_role("button", name="Edit")).to_be_visible()
    chat.box.fill("and a star")
    chat.page.reload()
    expect(chat.box).to_have_value("and a star")
    chat.box.fill("")
    chat.page.get_by_role("button", name="Edit").click()
    expect(chat.box).to_have_value("a red cirle")
    expect(chat.page.locator("article.user")).to_have_count(0)
    chat.say(REQUEST)
    assert chat.said == [REQUEST]
    chat.expect_error("500")


def test_tabs_share_one_conversation_and_new_chat_reaches_all(
    server_url: str, open_page: OpenPage
) -> None:
    chat = open_page(server_url)
    chat.say("show me stars but no red things")
    other = chat.page.context.new_page()
    other.goto(server_url)
    expect(other.locator("article.bot")).to_have_count(2)
    assert said(other) == chat.said
    expect(other.get_by_role("button", name="Take out “stars”")).to_be_visible()
    expect(other.locator(".chips:visible button").first).to_be_visible()
    chat.say("green ones")
    expect(other.locator("article.bot")).to_have_count(3)
    other.get_by_role("button", name="New chat").click()
    expect(chat.answers).to_have_count(1)
    other.get_by_role("button", name="Undo").click()
    for page in (chat.page, other):
        expect(page.locator("article.bot")).to_have_count(3)
    assert said(other) == chat.said == ["show me stars but no red things", "green ones"]


def test_a_kiosk_forgets_and_two_chats_of_a_page_are_two(
    server_url: str, open_page: OpenPage
) -> None:
    chat = open_page(server_url)
    chat.page.evaluate(
        """() => {
          document.querySelector('showtell-chat').setAttribute('forget-after', '0.02');
          const second = document.createElement('showtell-chat');
          second.setAttribute('open', '');
          document.body.append(second);
        }"""
    )
    first, second = chat.page.locator("showtell-chat").all()
    for number, one in enumerate((first, second)):
        one.get_by_role("textbox").fill(f"{REQUEST} {number}")
        one.get_by_role("textbox").press("Enter")
        expect(one.locator("article.bot")).to_have_count(2, timeout=30_000)
    assert second.locator("article.user .bubble").all_inner_texts() == [f"{REQUEST} 1"]
    expect(first.locator("article.bot")).to_have_count(1)  # it was forgotten
    expect(second.locator("article.bot")).to_have_count(2)
    assert first.get_by_role("button", name="Undo").count() == 0


def test_a_kiosk_forgets_what_it_finds_when_it_is_loaded(
    server_url: str, open_page: OpenPage
) -> None:
    chat = open_page(server_url)
    for since in (500, -3_600_000):  # a reload in the middle of the wait; a clock that was set back
        is_kept = chat.page.evaluate(
            """since => {
              const chat = document.querySelector('showtell-chat').cloneNode();
              const key = `showtell:session:kiosk:${chat.server}`;
              localStorage[key] = '{"sender": "nobody", "secret": "secret"}';
              localStorage[`${key}:seen`] = Date.now() - since;
              chat.setAttribute('session', 'kiosk');
              chat.setAttribute('forget-after', '0.02');
              document.querySelector('showtell-chat').replaceWith(chat);
              window.isKept = () => key in localStorage;
              return isKept();
            }""",
            since,
        )
        assert is_kept
        chat.page.wait_for_function("() => !isKept()")


def test_two_chats_of_one_session_are_one_conversation(
    server_url: str, open_page: OpenPage
) -> None:
    chat = open_page(server_url)
    chat.embed(inline="", session="both")
    chat.page.evaluate("document.body.append(document.querySelector('showtell-chat').cloneNode())")
    first, second = chat.page.locator("showtell-chat").all()
    for number, one in enumerate((first, second), start=1):
        one.get_by_role("textbox").fill(f"{REQUEST} {number}")
        one.get_by_role("textbox").press("Enter")
        for each in (first, second):
            expect(each.locator("article.bot")).to_have_count(1 + number)
    first.get_by_role("button", name="New chat").dblclick()
    second.evaluate("chat => chat.newChat()")
    for each in (first, second):
        expect(each.locator("article.user")).to_have_count(0)
    first.get_by_role("button", name="Undo").click()
    for each in (first, second):
        expect(each.locator("article.user .bubble")).to_have_text([f"{REQUEST} 1", f"{REQUEST} 2"])


def test_damaged_storage_is_thrown_away(server_url: str, open_page: OpenPage) -> None:
    chat = open_page(server_url)
    for damage in ("{", "null", "[]", '{"v":1}', '{"sender":1,"secret":[]}', LONG):
        chat.box.fill("draft")
        chat.say(REQUEST)
        chat.page.evaluate(
            DAMAGE,
            damage,
        )
        chat.page.reload()
        expect(chat.answers).to_have_count(1)
        chat.say(REQUEST)


def test_the_server_says_what_it_cannot_load(server_url: str, open_page: OpenPage) -> None:
    chat = open_page(server_url)
    chat.say(REQUEST)
    chat.page.route("**/api/messages?*", lambda route: route.abort(), times=1)
    chat.page.reload()
    expect(chat.page.get_by_text("The earlier messages cannot be loaded.")).to_be_visible()
    chat.page.get_by_role("button", name="Retry").click()
    expect(chat.answers).to_have_count(2)
    chat.expect_error("ERR_FAILED")
