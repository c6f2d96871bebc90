"""The page and the widget, in the language that the server speaks.

Their words stand with all others in the domain, as utter_page_… and utter_widget_…; here they are
put into the files once, so that a browser needs no further request for them.
"""

from __future__ import annotations

import hashlib
import html
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import Response

from bot.channels.caching import unless_known
from bot.understanding.rasa_project import RasaProject

router = APIRouter()

WIDGET = Path(__file__).parent.parent / "widget"
PAGE_FILES = {
    "/": "index.html",
    "/page.css": "page.css",
    "/page.js": "page.js",
    "/icon.svg": "icon.svg",
    "/widget.js": "widget.js",
}
_KINDS = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}
PAGE_HEADERS = {
    # Looked at again each time: a new release must not meet yesterday's widget.
    "Cache-Control": "no-cache",
    "Content-Security-Policy": "default-src 'self'; object-src 'none'; base-uri 'none'",
    "Referrer-Policy": "same-origin",
}
_WORDS = re.compile(r"^utter_(page|widget)_(\w+)$")
_NO_WORDS = "const WORDS = {};"
_HOLE = re.compile(r"{{(\w+)}}")


@dataclass(frozen=True)
class PageFile:
    """One file as it is sent."""

    content: bytes
    kind: str

    @property
    def etag(self) -> str:
        """What changes when the content does."""
        return f'"{hashlib.sha256(self.content).hexdigest()[:32]}"'


def write_page(project: RasaProject) -> dict[str, PageFile]:
    """Return the files of the page by their paths, with the words of a project's language."""
    words: dict[str, dict[str, str]] = {"page": {}, "widget": {"language": project.language}}
    for name, variations in project.responses.items():
        if found := _WORDS.match(name):
            words[found[1]][found[2]] = str(variations[0]["text"])
    return {path: _write(name, words, project.language) for path, name in PAGE_FILES.items()}


def _write(name: str, words: Mapping[str, dict[str, str]], language: str) -> PageFile:
    content = (WIDGET / name).read_bytes()
    if name == "widget.js":
        told = f"const WORDS = {json.dumps(words['widget'])};"
        content = content.replace(_NO_WORDS.encode(), told.encode())
    elif name == "index.html":
        named = {f"page_{key}": word for key, word in words["page"].items()}
        named["language"] = language
        text = _HOLE.sub(lambda hole: html.escape(named[hole[1]]), content.decode())
        content = text.encode()
    return PageFile(content, _KINDS[Path(name).suffix])


async def send_page_file(request: Request) -> Response:
    """Answer with the page or one of its files; 304 when the client has it already."""
    file = request.app.state.page[request.url.path]
    headers = {**PAGE_HEADERS, "ETag": file.etag}
    return unless_known(request, Response(file.content, headers=headers, media_type=file.kind))


for _path in PAGE_FILES:
    router.add_api_route(
        _path, send_page_file, methods=["GET", "HEAD"], include_in_schema=False, response_model=None
    )
