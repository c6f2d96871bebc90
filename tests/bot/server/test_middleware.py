"""The wrappers around every request, driven as plain ASGI."""

import asyncio
import json
import logging

import pytest
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse

from bot.server.middleware import BodyLimit, LastResort, RequestLog


async def call(app, *, body=(), headers=(), method="POST", path="/x", raw_path=None):
    """Call an ASGI app; return (status, headers, body, chunks the app took)."""
    chunks = iter(body)
    taken = 0
    sent = []

    async def receive():
        nonlocal taken
        chunk = next(chunks, None)
        if chunk is None:
            return {"type": "http.request", "body": b"", "more_body": False}
        taken += 1
        return {"type": "http.request", "body": chunk, "more_body": True}

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": (raw_path or path).encode(),
        "query_string": b"",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers],
        "client": ("127.0.0.1", 1),
    }
    await app(scope, receive, send)
    answer = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    content = b"".join(message.get("body", b"") for message in sent[1:])
    return sent[0]["status"], answer, content, taken


async def count_bytes(scope, receive, send):
    body = await Request(scope, receive).body()
    await PlainTextResponse(str(len(body)))(scope, receive, send)


def limited():
    return BodyLimit(ExceptionMiddleware(count_bytes), default=10, limits={"/large": 100})


def endless():
    while True:
        yield b"x" * 4


def run(coroutine):
    return asyncio.run(coroutine)


@pytest.mark.parametrize(
    ("path", "size", "status"),
    [("/x", 10, 200), ("/x", 11, 413), ("/large", 100, 200), ("/large", 101, 413)],
)
@pytest.mark.parametrize("declared", [True, False])
def test_the_limit_holds_for_declared_and_for_chunked_bodies(path, size, status, declared):
    headers = [("Content-Length", str(size))] if declared else []
    body = [b"x" * 5] * (size // 5) + [b"x" * (size % 5)]
    answer = run(call(limited(), body=body, headers=headers, path=path))
    assert answer[0] == status
    assert status == 200 or answer[1]["connection"] == "close"


def test_an_endless_body_is_read_to_a_bound_only():
    status, _, _, taken = run(call(limited(), body=endless()))
    assert status == 413
    assert taken <= 10


def test_a_body_declared_far_too_large_is_not_read_at_all():
    answer = run(call(limited(), body=endless(), headers=[("Content-Length", "1000000")]))
    status, _, content, taken = answer
    assert (status, taken) == (413, 0)
    assert json.loads(content)["detail"].endswith(".")


def test_a_lie_about_the_length_does_not_help():
    answer = run(call(limited(), body=[b"x" * 50], headers=[("Content-Length", "5")]))
    assert answer[0] == 413


@pytest.mark.parametrize("length", ["-1", "ten", "1e3", "²"])
def test_a_strange_length_is_counted_instead(length):
    headers = [("Content-Length", length)]
    assert run(call(limited(), body=[b"x" * 5], headers=headers))[0] == 200
    assert run(call(limited(), body=[b"x" * 50], headers=headers))[0] == 413


async def broken(scope, receive, send):
    raise RuntimeError("the secret of the inside")


def test_an_unforeseen_error_is_a_neutral_500_and_is_logged_with_its_id(caplog):
    counted = []
    app = RequestLog(LastResort(broken, lambda _, status: counted.append(status), "Sorry."))
    with caplog.at_level(logging.INFO):
        status, headers, content, _ = run(call(app))
    assert status == 500
    assert json.loads(content) == {"detail": "Sorry."}
    assert counted == [500]
    record = next(record for record in caplog.records if record.exc_info)
    assert headers["x-request-id"] in record.getMessage()
    assert "the secret of the inside" in caplog.text


def test_an_error_after_the_answer_began_breaks_the_connection():
    async def half(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError("too late")

    with pytest.raises(RuntimeError, match="too late"):
        run(call(LastResort(half, lambda *_: None, "Sorry.")))


@pytest.mark.parametrize(
    ("given", "kept"),
    [("abc-1.2_3", True), ("", False), ("a" * 65, False), ("a b", False), ("ä\r\nX: y", False)],
)
def test_a_request_id_is_kept_if_harmless(given, kept):
    _, headers, _, _ = run(call(RequestLog(count_bytes), headers=[("X-Request-ID", given)]))
    assert (headers["x-request-id"] == given) == kept
    assert headers["x-request-id"]
    assert headers["x-content-type-options"] == "nosniff"


def test_one_line_for_a_request_and_none_can_be_forged(caplog):
    app = RequestLog(count_bytes)
    with caplog.at_level(logging.INFO, logger="bot.access"):
        run(call(app, path="/a\nGET /forged", raw_path="/a%0AGET%20/forged", body=[b"xx"]))
    (record,) = caplog.records
    line = record.getMessage()
    assert line.startswith("127.0.0.1 POST /a%0AGET%20/forged 200 1 bytes")
    assert "\n" not in line


@pytest.mark.parametrize("path", ["/livez", "/metrics", "/socket.io/"])
def test_probes_are_logged_only_when_looking_closely(caplog, path):
    with caplog.at_level(logging.INFO, logger="bot.access"):
        run(call(RequestLog(count_bytes), path=path))
    assert not caplog.records
