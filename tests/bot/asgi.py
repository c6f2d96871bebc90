"""Calling an ASGI app as a server would, without one."""

import asyncio

from starlette.requests import Request
from starlette.responses import PlainTextResponse


def run(coroutine):
    return asyncio.run(coroutine)


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
