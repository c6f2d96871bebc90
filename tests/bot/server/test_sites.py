"""Who may ask: driven as plain ASGI."""

import asyncio
import json

import pytest
from starlette.responses import HTMLResponse

from bot.server.sites import Sites

OWN = "http://127.0.0.1:8000"


def call(host, origin=None, *, hosts=(), origins=(), frames=(), address=OWN, kind="http"):
    """Send one request through `Sites`; return (status, headers, body)."""
    sent = []

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)

    headers = [(b"host", host.encode("latin-1"))]
    if origin is not None:
        headers.append((b"origin", origin.encode("latin-1")))
    scope = {"type": kind, "method": "POST", "path": "/", "headers": headers}
    app = Sites(HTMLResponse("ok"), address, hosts, origins, frames)
    asyncio.run(app(scope, receive, send))
    if kind == "websocket":
        return sent
    answer = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], answer, b"".join(part.get("body", b"") for part in sent[1:])


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1:8000", "localhost", "localhost:9", "[::1]:8000", "192.168.1.7:8000", "app:8000",
     "chat.localhost", ""],
)  # fmt: skip
def test_names_that_nobody_can_rebind_are_answered(host):
    assert call(host)[0] == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "\xff.\xfe", "::1.evil"]
)
def test_a_strange_name_is_refused_with_the_way_out(host):
    status, _, body = call(host)
    assert status == 400
    assert "SHOWTELL_TRUSTED_HOSTS" in json.loads(body)["detail"]


@pytest.mark.parametrize(
    "more", [{"hosts": ("chat.example",)}, {"hosts": ("*",)}, {"address": "https://chat.example"}]
)
def test_a_name_that_was_told_is_answered(more):
    assert call("chat.example", **more)[0] == 200


@pytest.mark.parametrize(
    ("host", "origin"),
    [("127.0.0.1:8000", OWN), ("localhost:8000", "http://localhost:8000"),
     ("[::1]:8000", "http://[::1]:8000"), ("127.0.0.1:8000", None)],
)  # fmt: skip
def test_pages_of_this_server_and_programs_are_answered(host, origin):
    assert call(host, origin)[0] == 200


@pytest.mark.parametrize(
    "origin",
    ["https://shop.example", "http://127.0.0.1:9000", "null", "http://127.0.0.1:8000.evil", "x"],
)
def test_a_page_of_another_site_is_refused_with_the_way_out(origin):
    status, headers, body = call("127.0.0.1:8000", origin)
    assert status == 403
    assert f"The site {origin} may not" in json.loads(body)["detail"]
    assert "SHOWTELL_CORS_ORIGINS" in json.loads(body)["detail"]
    assert json.loads(body)["concerns"] == "operator"  # so the widget keeps it from who chats
    assert headers["access-control-allow-origin"] == "*"  # that the page's maker can read it
    assert call("127.0.0.1:8000", origin, origins=(origin,))[0] == 200
    assert call("127.0.0.1:8000", origin, origins=("*",))[0] == 200


def test_behind_a_proxy_that_hides_the_name_the_public_address_is_ours():
    told = {"address": "https://chat.example/showtell"}
    assert call("127.0.0.1:8000", "https://chat.example", **told)[0] == 200


def test_a_websocket_of_another_site_is_closed():
    (message,) = call("127.0.0.1:8000", "https://shop.example", kind="websocket")
    assert message == {"type": "websocket.close", "code": 1008}


@pytest.mark.parametrize(
    ("origins", "policy"),
    [((), "frame-ancestors 'self'"), (("*",), None),
     (("https://b.example", "https://a.example"),
      "frame-ancestors 'self' https://a.example https://b.example")],
)  # fmt: skip
def test_only_sites_that_may_use_the_chat_may_frame_it(origins, policy):
    assert call("localhost", origins=origins)[1].get("content-security-policy") == policy


def test_sites_that_may_frame_the_page_can_be_named_apart():
    told = {"origins": ("https://a.example",), "frames": ("https://b.example",)}
    policy = call("localhost", **told)[1]["content-security-policy"]
    assert policy == "frame-ancestors 'self' https://b.example"
    assert "content-security-policy" not in call("localhost", frames=("*",))[1]
