"""Showtell's tools, called by the protocol's own client over streamable HTTP."""

import asyncio
import base64
import io
import sys

import httpx2
import pytest
from jsonschema import Draft202012Validator
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from PIL import Image

from bot.errors import ExtraMissing
from bot.server.app import create_api
from tests.fixtures.server import MCP_TOKEN, make_settings

TOOLS = {"search", "more", "like", "unlike", "rate", "show"}
RIGHT = {"Authorization": f"Bearer {MCP_TOKEN}"}


@pytest.fixture
def talk(server_url):
    """Run a conversation with the tools: an async function that takes a client."""

    def run(conversation, *, mode="auto", headers=RIGHT):
        async def connected():
            async with httpx2.AsyncClient(headers=headers, timeout=60) as http:
                transport = streamable_http_client(f"{server_url}/mcp", http_client=http)
                async with Client(transport, mode=mode) as client:
                    return await conversation(client)

        return asyncio.run(connected())

    return run


async def call(client, tool, **arguments):
    """Return the structured content of a tool's answer."""
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    return result.structured_content


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_a_search_is_narrowed_by_tools_in_one_session(talk, mode):
    async def conversation(client):
        found = await call(client, "search", text="a red star")
        session = found["session"]
        assert "red" in found["pictures"][0]["caption"]
        found = await call(client, "search", text="big", narrow=True, session=session)
        assert found["search"]["wanted"] == ["a red star", "big"]
        first, second = (picture["id"] for picture in found["pictures"][:2])
        found = await call(client, "like", images=[first], session=session)
        assert found["search"]["liked"] == [first]
        assert first not in [picture["id"] for picture in found["pictures"]]
        found = await call(client, "unlike", images=[second], session=session)
        assert found["search"]["disliked"] == [second]
        found = await call(client, "rate", image=first, rating="down", session=session)
        assert found["search"]["liked"] == []
        assert found["search"]["disliked"] == [second, first]
        assert (await call(client, "more", session=session))["pictures"]

    talk(conversation, mode=mode)


def test_what_is_not_wanted_is_left_out(talk):
    async def conversation(client):
        return await call(client, "search", text="a circle", without=["red", "blue"])

    found = talk(conversation)
    assert found["search"]["wanted"] == ["a circle"]
    assert found["search"]["excluded"] == ["red", "blue"]
    captions = " ".join(picture["caption"] for picture in found["pictures"])
    assert captions
    assert "red" not in captions.split()
    assert "blue" not in captions.split()


def test_the_session_is_that_of_the_other_channels(talk, client):
    async def conversation(tools):
        return await call(tools, "search", text="a green square")

    found = talk(conversation)
    form = {"sender": found["session"], "text": "no green"}
    answer = client.post("/api/messages", data=form).json()
    assert answer["turn"] == 2
    assert answer["search"]["wanted"] == ["a square"]
    assert answer["search"]["excluded"] == ["green"]


def test_calls_without_a_session_share_nothing(talk):
    async def conversation(client):
        return [await call(client, "search", text="a ring") for _ in range(2)]

    first, second = talk(conversation)
    assert first["session"] != second["session"]


def test_pictures_are_shown_as_thumbnails_with_captions(talk):
    async def conversation(client):
        found = await call(client, "search", text="a yellow ring")
        ids = [picture["id"] for picture in found["pictures"][:2]]
        return ids, await client.call_tool("show", {"images": ids})

    ids, result = talk(conversation)
    assert [block.type for block in result.content] == ["text", "image"] * 2
    assert result.content[0].text.startswith(f"{ids[0]}: ")
    picture = Image.open(io.BytesIO(base64.b64decode(result.content[1].data)))
    assert (picture.format, picture.size) == ("WEBP", (160, 160))
    assert result.content[1].mime_type == "image/webp"
    assert [one["id"] for one in result.structured_content["pictures"]] == ids


def test_every_answer_keeps_to_its_schema(talk):
    async def conversation(client):
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        found = await call(client, "search", text="a star")
        shown = await call(client, "show", images=[found["pictures"][0]["id"]])
        return tools, {"search": found, "show": shown}

    tools, answers = talk(conversation)
    assert set(tools) == TOOLS
    for tool in tools.values():
        assert tool.description
        Draft202012Validator.check_schema(tool.output_schema)
    for name, answer in answers.items():
        Draft202012Validator(tools[name].output_schema).validate(answer)


@pytest.mark.parametrize(
    ("tool", "arguments", "sentence"),
    [
        ("show", {"images": ["0" * 16]}, "There is no such picture."),
        ("show", {"images": ["../../etc/passwd"]}, "String should match pattern"),
        ("show", {"images": []}, "at least 1 item"),
        ("search", {"text": "a\x07"}, "control character U+0007"),
        ("search", {"text": "a" * 501}, "at most 500 characters"),
        ("search", {"text": "a star", "session": " "}, "sender"),
        ("rate", {"image": "0" * 16, "rating": "sideways"}, "'up' or 'down'"),
    ],
)
def test_what_cannot_be_done_is_told(talk, tool, arguments, sentence):
    async def conversation(client):
        return await client.call_tool(tool, arguments)

    result = talk(conversation)
    assert result.is_error
    assert sentence in result.content[0].text


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}])
def test_without_the_token_nothing_is_answered(talk, client, headers):
    async def conversation(tools):
        return await tools.list_tools()

    with pytest.raises((MCPError, ExceptionGroup)):
        talk(conversation, headers=headers)
    answer = client.post("/mcp", json={}, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.json() == {"detail": "A valid bearer token is needed."}


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_no_stream_is_left_open(client, method):
    headers = RIGHT | {"Accept": "text/event-stream"}
    assert client.request(method, "/mcp", headers=headers).status_code == 405


def test_a_call_that_is_too_large_is_refused(client):
    content = b'{"jsonrpc": "2.0", "id": 1, "method": "' + b"x" * 300_000 + b'"}'
    headers = RIGHT | {"Content-Type": "application/json"}
    assert client.post("/mcp", content=content, headers=headers).status_code == 413


def test_a_page_of_another_site_may_not_call_tools(client):
    headers = RIGHT | {"Host": "rebound.example"}
    assert client.post("/mcp", json={}, headers=headers).status_code == 400


def test_turns_by_tools_are_counted(talk, client):
    async def conversation(tools):
        return await call(tools, "search", text="a circle")

    talk(conversation)
    assert 'channel="mcp",intent="search"' in client.get("/metrics").text


def test_no_token_no_route(shapes_bundles, tmp_path):
    without = make_settings(shapes_bundles, "redis://127.0.0.1", tmp_path, mcp_token="")
    assert without.mcp_token is None
    assert "/mcp" not in [getattr(route, "path", "") for route in create_api(without).routes]


def test_without_the_extra_it_says_what_to_install(monkeypatch, shapes_bundles, tmp_path):
    monkeypatch.setitem(sys.modules, "mcp.server", None)
    monkeypatch.delitem(sys.modules, "bot.channels.mcp", raising=False)
    monkeypatch.delattr("bot.channels.mcp", raising=False)
    with pytest.raises(ExtraMissing, match=r"mcp.server: pip install 'showtell\[mcp\]'"):
        create_api(make_settings(shapes_bundles, "redis://127.0.0.1", tmp_path))
