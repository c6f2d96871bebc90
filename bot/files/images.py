"""The pictures themselves: originals and thumbnails, by id, and nothing else from the disk."""

from __future__ import annotations

import asyncio
import hashlib
import re
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Query, Request
from fastapi.responses import FileResponse, Response

from bot.channels.problems import problems
from bot.channels.services import Services, services
from bot.files.caching import unless_known
from bot.live.serving import Serving
from bot.live.thumbnails import SIZES
from embedding.data.decode import ImageError
from embedding.data.remote import RemoteFile
from retrieval.errors import GalleryError

router = APIRouter(tags=["images"])

# What every browser shows, by the first bytes; all else goes out as the largest thumbnail. SVG is
# not among them: it can carry scripts.
SIGNATURES = {
    b"\xff\xd8\xff": "image/jpeg",
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"GIF8": "image/gif",
}
# An id is a hash of the picture's bytes, so what it names never changes.
CACHE_CONTROL = "public, max-age=86400"
GONE = "The picture's file is gone or damaged."
_ID = re.compile(r"[0-9a-f]{16}")


@router.head("/images/{image_id}", include_in_schema=False)
@router.get(
    "/images/{image_id}",
    summary="A picture or its thumbnail",
    response_class=Response,
    responses={200: {"content": {"image/*": {}}}, **problems(404, 422, 503)},
)
async def image(
    image_id: str,
    request: Request,
    parts: Annotated[Services, Depends(services)],
    size: Annotated[int | None, Query(json_schema_extra={"enum": [*SIZES]})] = None,
) -> Response:
    """Answer with the original, or with a thumbnail whose longest side has `size` pixels."""
    if size is not None and size not in SIZES:
        raise HTTPException(422, f"size must be one of {', '.join(map(str, SIZES))}.")
    if not _ID.fullmatch(image_id):
        raise HTTPException(404, "There is no such picture.")
    with parts.live.lease() as serving:
        source, sha256 = await asyncio.to_thread(_find, serving, image_id)
        try:
            if size is None:
                original = await parts.originals.get(source)
                if media_type := await asyncio.to_thread(_media_type, original):
                    return await asyncio.to_thread(_answer, request, original, media_type)
            made = await parts.thumbnails.get(source, sha256, size or SIZES[-1])
        except (ImageError, OSError) as error:
            if isinstance(source, RemoteFile) or isinstance(error, ImageError):
                serving.pictures.mark_damaged(image_id, source)
            raise HTTPException(404, GONE) from None
    return await asyncio.to_thread(_answer, request, made, "image/webp")


def _find(serving: Serving, image_id: str) -> tuple[Path | RemoteFile, str]:
    """Return where a picture lies, and the sha256 of its bytes.

    Raises:
        HTTPException: 404; there is no such picture, or no longer one that can be shown.
    """
    picture = serving.bundle.store.get(image_id)
    if picture is None:
        raise HTTPException(404, "There is no such picture.")
    try:
        return serving.bundle.store.file(image_id), picture.sha256
    except (GalleryError, OSError):
        raise HTTPException(404, GONE) from None


def _media_type(path: Path) -> str | None:
    """Return the media type of a file that browsers show as it is, else None."""
    with path.open("rb") as file:
        start = file.read(12)
    if start.startswith(b"RIFF") and start.endswith(b"WEBP"):
        return "image/webp"
    return next((kind for sign, kind in SIGNATURES.items() if start.startswith(sign)), None)


def _answer(request: Request, found: Path | bytes, media_type: str) -> Response:
    """Return the picture, or 304 when the client has it already."""
    headers = {"Cache-Control": CACHE_CONTROL}
    if isinstance(found, bytes):  # there is no room for a file
        headers["ETag"] = f'"{hashlib.sha256(found).hexdigest()[:32]}"'
        return unless_known(request, Response(found, headers=headers, media_type=media_type))
    try:
        status = found.stat()
    except FileNotFoundError:
        raise HTTPException(404, GONE) from None
    file = FileResponse(found, stat_result=status, media_type=media_type, headers=headers)
    return unless_known(request, file)
