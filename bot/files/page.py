"""The page and the widget, in the language that the server speaks.

Their words stand with all others in the domain, as utter_page_… and utter_widget_…; here they are
put into the files once, so that a browser needs no further request for them.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping
from pathlib import Path

import yaml
from fastapi import APIRouter, Request
from fastapi.responses import Response

from bot.files.page_file import PageFile
from bot.settings import Settings
from bot.understanding.rasa_project import RasaProject
from embedding.data.decode import FORMAT_NAMES

router = APIRouter()

WIDGET = Path(__file__).parent.parent / "widget"
PAGE_FILES = {
    "/widget.js": "widget.js",
    "/page.css": "page.css",
    "/page.js": "page.js",
    "/icon.svg": "icon.svg",
    "/manifest.webmanifest": "manifest.webmanifest",
    "/examples.css": "examples.css",
    "/examples.js": "examples.js",
    # The last: they name the hashes of the others.
    "/examples": "examples.html",
    "/": "index.html",
}
_KINDS = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
}
PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; object-src 'none'; base-uri 'none'",
    "Referrer-Policy": "same-origin",
}
_WORDS = re.compile(r"^utter_(page|widget)_(\w+)$")
# Languages of the widget beside the server's own, for the bots of others: widget.js?language=ar
_LANGUAGES = WIDGET / "languages"
# A name that nothing in the built file declares: what the server knows takes its place.
_SERVED = b"SHOWTELL_SERVED"
_HOLE = re.compile(r"{{(\w+)}}")


def write_page(project: RasaProject, settings: Settings) -> dict[str, PageFile]:
    """Return the files of the page by their paths.

    Args:
        project: its words are put into them, in its language.
        settings: their limits are told to the widget.
    """
    words: dict[str, dict[str, str]] = {"page": {}, "widget": {}}
    for name, variations in project.responses.items():
        if found := _WORDS.match(name):
            words[found[1]][found[2]] = str(variations[0]["text"])
    limits = {
        "text": settings.max_text_length,
        "bytes": settings.max_upload_bytes,
        "formats": FORMAT_NAMES,
    }
    files: dict[str, PageFile] = {}
    for path, name in PAGE_FILES.items():
        content = (WIDGET / name).read_bytes()
        if name == "widget.js":
            content = _serve(content, project.language, words["widget"], limits)
        elif name.endswith(".html"):
            holes = {f"page_{key}": word for key, word in words["page"].items()}
            holes |= {f"v_{key[1:].replace('.', '_')}": file.hash for key, file in files.items()}
            content = _fill(content.decode(), holes | {"language": project.language}).encode()
        files[path] = PageFile(content, _KINDS[Path(name).suffix])
    script = (WIDGET / "widget.js").read_bytes()
    for file in _LANGUAGES.glob("*.yml"):
        translated = words["widget"] | yaml.safe_load(file.read_text(encoding="utf-8"))
        content = _serve(script, file.stem, translated, limits)
        files[_in_language("/widget.js", file.stem)] = PageFile(content, _KINDS[".js"])
    return files


def _serve(
    script: bytes, language: str, words: Mapping[str, str], limits: Mapping[str, object]
) -> bytes:
    served = {"language": language, "words": words, "limits": limits}
    return script.replace(_SERVED, json.dumps(served).encode())


def _in_language(path: str, language: str | None) -> str:
    return f"{path}?language={language}"


def _fill(page: str, holes: Mapping[str, str]) -> str:
    return _HOLE.sub(lambda hole: html.escape(holes[hole[1]]), page)


async def send_page_file(request: Request) -> Response:
    """Answer with the page or one of its files; 304 when the client has it already."""
    files: dict[str, PageFile] = request.app.state.page
    path = request.scope["route"].path
    file = files.get(_in_language(path, request.query_params.get("language")), files[path])
    return file.answer(request, PAGE_HEADERS)


for _path in PAGE_FILES:
    router.add_api_route(
        _path, send_page_file, methods=["GET", "HEAD"], include_in_schema=False, response_model=None
    )
