"""The files of the desk's page: they tell nothing by themselves, so they need no token."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from bot.files.page_file import PageFile

router = APIRouter(include_in_schema=False)

FOLDER = Path(__file__).parent / "page"
HEADERS = {
    # Nothing but this server's own files and answers; thumbnails, and the files to download.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
}
_KINDS = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}


def _read_files() -> dict[str, PageFile]:
    return {
        path.name: PageFile(path.read_bytes(), _KINDS[path.suffix])
        for path in sorted(FOLDER.iterdir())
    }


FILES = _read_files()


@router.api_route("/admin", methods=["GET", "HEAD"])
async def page(request: Request) -> Response:
    """Answer with the page."""
    return FILES["desk.html"].answer(request, HEADERS)


@router.get("/admin/")
async def with_slash() -> Response:
    """Lead to the page's own address, from which its files are found, whatever is before it."""
    return RedirectResponse("../admin")


async def part(request: Request) -> Response:
    """Answer with a file of the page; 304 when the client has it already."""
    return FILES[request.scope["route"].path.rpartition("/")[2]].answer(request, HEADERS)


for _name in FILES:
    if _name != "desk.html":
        router.add_api_route(f"/admin/{_name}", part, methods=["GET", "HEAD"], response_model=None)
