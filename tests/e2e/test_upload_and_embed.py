"""Pictures that people send, and the widget on other people's sites."""

import base64
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from urllib.request import Request, urlopen

import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.fixtures.browser import Chat, OpenPage

pytestmark = pytest.mark.browser


def png(width: int = 60, height: int = 40) -> bytes:
    buffer = BytesIO()
    Image.new("RGB", (width, height), "crimson").save(buffer, "PNG")
    return buffer.getvalue()


def choose(chat: Chat, name: str, kind: str, content: bytes) -> None:
    """Choose a file by the picture button."""
    with chat.page.expect_file_chooser() as chooser:
        chat.page.get_by_role("button", name="Add a picture").click()
    chooser.value.set_files({"name": name, "mimeType": kind, "buffer": content})


# Puts one file into a DataTransfer, as a paste or a drop brings it.
TRANSFER = """([base64, name, type]) => {
  const bytes = Uint8Array.from(atob(base64), c => c.charCodeAt(0));
  const transfer = new DataTransfer();
  transfer.items.add(new File([bytes], name, {type}));
  return transfer;
}"""


@pytest.mark.parametrize("way", ["button", "paste", "drop"])
def test_picture_is_previewed_and_sent(server_url: str, open_page: OpenPage, way: str) -> None:
    chat = open_page(server_url)
    if way == "button":
        choose(chat, "red.png", "image/png", png())
    else:
        content = base64.b64encode(png()).decode()
        transfer = chat.page.evaluate_handle(TRANSFER, [content, "red.png", "image/png"])
        if way == "drop":
            panel = chat.page.locator(".panel")
            panel.dispatch_event("dragenter", {"dataTransfer": transfer})
            expect(chat.page.get_by_text("Drop the picture here")).to_be_visible()
            panel.dispatch_event("drop", {"dataTransfer": transfer})
            expect(chat.page.get_by_text("Drop the picture here")).to_be_hidden()
        else:
            chat.box.evaluate(
                """(box, clipboardData) => box.dispatchEvent(new ClipboardEvent(
                    'paste', {clipboardData, bubbles: true, cancelable: true}))""",
                transfer,
            )
    expect(chat.page.locator(".preview")).to_contain_text("red.png")
    expect(chat.page.locator(".preview canvas")).to_be_visible()
    chat.shoot(f"upload_{way}")
    # There is no text beside it, so pictures in the answer mean that the picture arrived.
    answer = chat.answer_to(lambda: chat.box.press("Enter"))
    assert answer.locator("button.view").count() > 0
    expect(chat.page.get_by_role("img", name="red.png")).to_be_visible()
    expect(chat.page.locator(".preview")).to_be_hidden()


def test_a_photograph_is_made_smaller_and_loses_its_place(
    server_url: str, open_page: OpenPage
) -> None:
    photograph = Image.new("RGB", (3000, 2000), "crimson")
    exif = photograph.getexif()
    exif[0x0110] = "a camera"
    file = BytesIO()
    photograph.save(file, "JPEG", exif=exif)
    chat = open_page(server_url)
    chat.page.evaluate(
        """() => {
          const send = XMLHttpRequest.prototype.send;
          XMLHttpRequest.prototype.send = function (form) {
            const reader = new FileReader();
            reader.onload = () => (window.uploaded = reader.result.split(',')[1]);
            reader.readAsDataURL(form.get('image'));
            return send.call(this, form);
          };
        }"""
    )
    # A picture counts from the moment it is chosen: it is sent before its preview is drawn.
    choose(chat, "photo.jpg", "image/jpeg", file.getvalue())
    chat.answer_to(lambda: chat.box.press("Enter"))
    sent = Image.open(BytesIO(base64.b64decode(chat.page.evaluate("window.uploaded"))))
    assert sent.size == (1280, 853)
    assert not sent.getexif()
    chat.page.reload()
    expect(chat.page.locator(".sent canvas")).to_be_visible()


def test_of_several_pictures_the_first_is_taken_and_that_is_said(
    server_url: str, open_page: OpenPage
) -> None:
    chat = open_page(server_url)
    with chat.page.expect_file_chooser() as chooser:
        chat.page.get_by_role("button", name="Add a picture").click()
    files = [{"name": f"{n}.png", "mimeType": "image/png", "buffer": png()} for n in "ab"]
    chooser.value.set_files(files)  # type: ignore[arg-type]
    expect(chat.page.get_by_role("alert")).to_have_text("One picture at a time: “a.png” was taken.")
    expect(chat.page.locator(".preview")).to_contain_text("a.png")
    chat.page.reload()
    expect(chat.page.locator(".preview canvas")).to_be_visible()


def test_preview_can_be_taken_back(server_url: str, open_page: OpenPage) -> None:
    chat = open_page(server_url)
    choose(chat, "red.png", "image/png", png())
    chat.page.get_by_role("button", name="Remove the picture").click()
    expect(chat.page.locator(".preview")).to_be_hidden()
    chat.box.press("Enter")
    assert chat.page.locator("article.user").count() == 0


@pytest.mark.parametrize(
    ("name", "kind", "content", "sentence"),
    [
        ("notes.txt", "text/plain", b"hello", "“notes.txt” is not a picture."),
        ("noise.jpg", "image/jpeg", b"noise", "“noise.jpg” is not a picture."),
    ],
)
def test_wrong_file_is_refused_before_sending(
    server_url: str, open_page: OpenPage, name: str, kind: str, content: bytes, sentence: str
) -> None:
    chat = open_page(server_url)
    choose(chat, name, kind, content)
    expect(chat.page.get_by_role("alert")).to_contain_text(sentence)
    expect(chat.page.locator(".preview")).to_be_hidden()
    assert chat.sent == []


def test_too_large_a_file_is_refused_before_sending(server_url: str, open_page: OpenPage) -> None:
    chat = open_page(server_url)
    transfer = chat.page.evaluate_handle(
        """() => {
          const transfer = new DataTransfer();
          const file = new File([new Uint8Array(2e7 + 1)], "huge.tiff", {type: "image/tiff"});
          transfer.items.add(file);
          return transfer;
        }"""
    )
    chat.page.locator(".panel").dispatch_event("drop", {"dataTransfer": transfer})
    expect(chat.page.get_by_role("alert")).to_contain_text("up to 20 MB can be sent")
    expect(chat.page.locator(".preview")).to_be_hidden()


def test_broken_picture_gets_the_servers_sentence(server_url: str, open_page: OpenPage) -> None:
    chat = open_page(server_url)
    choose(chat, "broken.tiff", "image/tiff", b"this is not a TIFF")  # the browser cannot tell
    expect(chat.page.locator(".preview")).to_contain_text("broken.tiff")
    chat.box.press("Enter")
    expect(chat.page.locator("article.user .note")).to_contain_text("picture")
    chat.expect_error("415")


# A foreign page whose own styles would spoil a widget without walls.
FOREIGN = """<!doctype html><html lang="en"><title>Shop</title>
<style>* { color: red !important; font: 40px serif }
div, button { padding: 30px; border: 9px solid lime }</style>
<h1>Some other site</h1><p>With a page of its own.</p>{body}
<script src="{server}/widget.js" {attributes} defer></script></html>"""


@pytest.fixture
def other_site() -> Iterator[tuple[str, dict[str, str]]]:
    """A site on another origin: its address, and its pages by path, to be filled by the test."""
    pages: dict[str, str] = {"/favicon.ico": ""}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(pages[self.path].encode())

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}", pages
        server.shutdown()
        thread.join()


def embed(body: str, server: str, attributes: str) -> str:
    page = FOREIGN.replace("{body}", body).replace("{server}", server)
    return page.replace("{attributes}", attributes)


def test_one_script_tag_makes_a_chat_on_another_site(
    server_url: str, other_site: tuple[str, dict[str, str]], open_page: OpenPage
) -> None:
    site, pages = other_site
    pages["/"] = embed("", server_url, 'data-title="Ask us" data-accent="#7a3e9d"')
    chat = open_page(site, hosts=(server_url,))
    expect(chat.page.locator(".panel")).to_be_hidden()
    chat.shoot("embed_closed")
    chat.page.get_by_role("button", name="Open the chat: Ask us").click()
    expect(chat.box).to_be_focused()
    chat.say("a red circle")
    chat.loaded()
    assert all(address.startswith(server_url) for address in chat.pictures())
    color = chat.box.evaluate("box => getComputedStyle(box).color")
    assert color != "rgb(255, 0, 0)", "the site's styles reach into the widget"
    chat.shoot("embed_open")
    chat.page.keyboard.press("Escape")
    expect(chat.page.locator(".panel")).to_be_hidden()
    expect(chat.page.get_by_role("button", name="Open the chat")).to_be_focused()


def test_inline_element_stands_in_place(
    server_url: str, other_site: tuple[str, dict[str, str]], open_page: OpenPage
) -> None:
    site, pages = other_site
    body = f'<showtell-chat inline server="{server_url}" theme="dark"></showtell-chat>'
    pages["/"] = embed(body, server_url, "")
    chat = open_page(site, hosts=(server_url,))
    assert chat.page.locator("showtell-chat").count() == 1, "a floating chat was added too"
    expect(chat.box).to_be_visible()
    chat.say("a red circle")


def test_frameworks_may_set_properties_at_any_time(server_url: str, open_page: OpenPage) -> None:
    chat = open_page(server_url)
    body = """<!doctype html><html lang=en><title>Shop</title><body><script>"use strict";
      const chat = document.createElement("showtell-chat");
      Object.assign(chat, {inline: "", server: "./elsewhere", examples: ["one", "two"]});
      document.body.append(chat);
    </script><script src=widget.js defer></script>"""
    chat.page.route("**/shop", lambda route: route.fulfill(body=body, content_type="text/html"))
    chat.page.goto(f"{server_url}/shop")
    expect(chat.page.locator(".chips button")).to_have_text(["one", "two"])
    read = """() => [chat.inline, chat.server, chat.getAttribute("server"), chat.examples]"""
    elsewhere = f"{server_url}/elsewhere/"
    assert chat.page.evaluate(read) == [True, elsewhere, "./elsewhere", ["one", "two"]]
    chat.page.evaluate(
        """() => {
          "use strict";
          Object.assign(chat, {inline: null, server: null, examples: "a|b"});
        }"""
    )
    expect(chat.page.locator(".launcher")).to_be_visible()
    assert chat.page.evaluate(read) == [False, f"{server_url}/", None, ["a", "b"]]
    chat.page.evaluate("chat.show()")
    chat.say("a red circle")


def test_below_a_path_and_as_a_module(server_url: str, open_page: OpenPage) -> None:
    class Proxy(BaseHTTPRequestHandler):
        """Publishes the server at /bot/, as a proxy does that takes the path off."""

        def do_GET(self) -> None:
            if self.path.startswith("/bot/"):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                request = Request(server_url + self.path.removeprefix("/bot"), body or None)
                for name in ("Content-Type", "X-Chat-Secret"):
                    if name in self.headers:
                        request.add_header(name, self.headers[name])
                with urlopen(request) as answer:
                    content, kind = answer.read(), answer.headers["Content-Type"]
            else:
                script = '<script src="/bot/widget.js" type="module" data-title="Ask"></script>'
                content, kind = f"<html lang=en><title>Shop</title>{script}".encode(), "text/html"
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_GET

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as site:
        thread = threading.Thread(target=site.serve_forever)
        thread.start()
        try:
            url = f"http://127.0.0.1:{site.server_address[1]}"
            for path in ("/bot/", "/"):
                chat = open_page(url + path)
                if path == "/":
                    chat.page.get_by_role("button", name="Open the chat: Ask").click()
                chat.say("a red circle")
                chat.loaded()
                assert all(one.startswith(f"{url}/bot/images/") for one in chat.pictures())
        finally:
            site.shutdown()
            thread.join()


def test_phone_gets_the_whole_screen(
    server_url: str, other_site: tuple[str, dict[str, str]], open_page: OpenPage
) -> None:
    site, pages = other_site
    pages["/"] = embed('<meta name="viewport" content="width=device-width">', server_url, "")
    chat = open_page(
        site,
        hosts=(server_url,),
        viewport={"width": 390, "height": 780},
        has_touch=True,
        is_mobile=True,
        reduced_motion="reduce",  # or the panel may be measured while it still rises
    )
    chat.page.get_by_role("button", name="Open the chat").tap()
    box = chat.page.locator(".panel").bounding_box()
    assert box == {"x": 0, "y": 0, "width": 390, "height": 780}
    chat.say("a red circle")
    chat.loaded()
    chat.shoot("phone")
    chat.tiles.first.tap()
    chat.shoot("phone_larger_view")
    chat.page.get_by_role("dialog").get_by_role("button", name="Close").tap()
    chat.page.get_by_role("button", name="Close the chat").tap()
    expect(chat.page.locator(".panel")).to_be_hidden()


def test_less_motion_moves_nothing(server_url: str, open_page: OpenPage) -> None:
    chat = open_page(server_url, reduced_motion="reduce")
    chat.say("a red circle")
    moving = chat.page.evaluate(
        """document.querySelector('showtell-chat').shadowRoot.getAnimations().length"""
    )
    assert moving == 0
