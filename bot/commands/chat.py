"""Talk to a running server from the terminal."""

from __future__ import annotations

import io
import os
import sys
import uuid
from collections.abc import Callable
from typing import Any

import httpx
from PIL import Image
from rich.console import RenderableType
from rich.markup import escape

from bot.errors import BotError
from bot.workbench.console import out, say

LETTERS = "abcdefgh"
PICTURE_ROWS = 10
"""How high a picture is on a terminal."""

Draw = Callable[[Image.Image], RenderableType]


class ServerRefused(BotError):
    """The server did not do what was asked; the message is its own sentence."""


def _sentence(response: httpx.Response) -> str:
    try:
        return str(response.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return f"the server answered {response.status_code}"


def _post(client: httpx.Client, path: str, **content: object) -> httpx.Response:
    try:
        return client.post(path, **content)  # type: ignore[arg-type]
    except httpx.HTTPError as error:
        raise ServerRefused(
            f"no answer from {client.base_url} ({error}); is `showtell serve` running there?"
        ) from error


def run_chat(url: str) -> None:
    """Read lines, print replies, until end of input.

    A terminal that can shows the pictures themselves, any other their addresses. Quick replies are
    offered by letter, so that numbers stay free for "more like 2".

    Args:
        url: where the server answers.
    """
    sender = f"terminal-{uuid.uuid4().hex}"
    choices: dict[str, str] = {}
    draw = _find_way_to_draw()
    say("Say what you would like to see; ends with Ctrl-D.")
    with httpx.Client(base_url=url, timeout=60) as client:
        while True:
            try:
                line = out.input("[bold]you>[/] ").strip()
            except EOFError:
                return
            if not line:
                continue
            text = choices.get(line.lower(), line)
            response = _post(
                client, "/api/messages", files={"sender": (None, sender), "text": (None, text)}
            )
            if response.is_error:
                say(_sentence(response))
                continue
            choices = {}
            for reply in response.json()["replies"]:
                _print_reply(reply, client, choices, draw)


def _find_way_to_draw() -> Draw | None:
    """Return what draws a picture on this terminal; None where it knows no way.

    Asked by escape sequences, which is why a pipe and a dumb terminal are not asked.
    """
    if not (sys.stdin.isatty() and out.is_terminal) or out.is_dumb_terminal:
        return None
    from textual_image import renderable  # here: to import it is to ask the terminal

    way = renderable.Image
    if not issubclass(way, renderable.TGPImage | renderable.SixelImage):
        return None  # blocks of color show nothing of a photograph
    return lambda picture: way(picture, "auto", PICTURE_ROWS)


def _picture(client: httpx.Client, address: str) -> Image.Image | None:
    """Return a picture of the server; None where it cannot be had."""
    try:
        response = client.get(address).raise_for_status()
        return Image.open(io.BytesIO(response.content)).convert("RGB")
    except (httpx.HTTPError, OSError):
        return None


def _print_reply(
    reply: dict[str, Any], client: httpx.Client, choices: dict[str, str], draw: Draw | None
) -> None:
    """Print one reply and collect its quick replies under letters."""
    if reply.get("text"):
        out.print(escape(reply["text"]), highlight=False)
    for number, image in enumerate(reply.get("images", ()), start=1):
        title = escape(image["caption"] or image["id"])
        if draw and (picture := _picture(client, image["thumbnail"])):
            out.print(f"  {number}. {title}", highlight=False)
            out.print(draw(picture))
            continue
        link = str(client.base_url).rstrip("/") + image["url"]
        out.print(f"  {number}. {title}  [dim]{escape(link)}[/]", highlight=False)
    for letter, choice in zip(LETTERS, reply.get("quick_replies", ()), strict=False):
        choices[letter] = choice["payload"]
        out.print(f"  [bold]{letter}[/]) {escape(choice['title'])}", highlight=False)


def request_reload(url: str, version: str | None) -> str:
    """Ask a running server to take a bundle.

    Args:
        url: where the server answers.
        version: the bundle's version, or None for the one that CURRENT names.

    Returns:
        The version that is live now.

    Raises:
        ServerRefused: the token is missing or wrong, or the bundle was refused.
    """
    token = os.environ.get("SHOWTELL_ADMIN_TOKEN")
    if not token:
        raise ServerRefused("SHOWTELL_ADMIN_TOKEN is not set; set it to the server's token.")
    with httpx.Client(base_url=url, timeout=120) as client:
        body = {"version": version} if version else {}
        response = _post(
            client, "/admin/reload", json=body, headers={"Authorization": f"Bearer {token}"}
        )
    if response.is_error:
        raise ServerRefused(_sentence(response))
    return str(response.json()["version"])
