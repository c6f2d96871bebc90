"""The routes of the job that indexes a folder."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Query
from pydantic import BaseModel, Field

from bot.channels.problems import problems
from bot.channels.services import Services, services
from bot.desk.desk import Desk, asking_redis, desk
from bot.desk.downloads import gallery_lines
from bot.desk.indexing import IndexState
from embedding.data.pairs import load_folder
from embedding.errors import DataError, ModelError
from embedding.model.files import read_info
from embedding.packages import PHOTOS
from retrieval.errors import NoBundle
from retrieval.store.files import atomic_path

router = APIRouter()
At = Annotated[Desk, Depends(desk)]
Parts = Annotated[Services, Depends(services)]


class IndexRequest(BaseModel):
    """What to index."""

    folder: str = Field(max_length=4_000, description="A folder on the server's machine.")
    keep_captions: bool = Field(
        False, description="With the live gallery's captions and the corrections, by file name."
    )


class FolderView(BaseModel):
    """What indexing a folder would make."""

    pictures: int
    captioned: int = Field(description="Of those, from a file or from their names.")
    model: str = Field(description="Which looks at them.")
    trained_on: str = Field(description='Its data; "" where the model does not say.')


@router.get("/folder", summary="Look at a folder", responses=problems(422, 503))
async def look(
    at: At,
    parts: Parts,
    folder: Annotated[str, Query(max_length=4_000, description="On the server's machine.")],
    keep_captions: bool = False,
) -> FolderView:
    """Answer with what lies in a folder before it is indexed; nothing changes."""
    path = await _existing(folder)
    captions = await _write_captions(at, parts) if keep_captions else None
    try:
        pairs = await asyncio.to_thread(load_folder, path, captions)
    except DataError as error:
        raise HTTPException(422, f"{error}.") from None
    model, trained_on = await asyncio.to_thread(_model, parts)
    return FolderView(
        pictures=len(pairs.image_ids),
        captioned=len(set(pairs.caption_to_image.tolist())),
        model=model,
        trained_on=trained_on,
    )


@router.get("/index", summary="How far indexing is", responses=problems(503))
async def state(at: At) -> IndexState:
    """Answer with how far the job is, or what came of the last one."""
    with asking_redis():
        return await at.indexing.state()


@router.post(
    "/index", status_code=202, summary="Index a folder", responses=problems(409, 413, 422, 503)
)
async def start(wanted: IndexRequest, at: At, parts: Parts) -> IndexState:
    """Begin to index a folder of the server's machine with the live model; it becomes live.

    409 while another is being indexed.
    """
    folder = await _existing(wanted.folder)
    captions = await _write_captions(at, parts) if wanted.keep_captions else None
    with asking_redis():
        return await at.indexing.start(folder, captions)


@router.delete("/index", status_code=202, summary="Stop indexing", responses=problems(503))
async def cancel(at: At) -> IndexState:
    """Have the job stopped; what is live stays."""
    with asking_redis():
        await at.indexing.cancel()
        return await at.indexing.state()


async def _existing(name: str) -> Path:
    folder = await asyncio.to_thread(_find_folder, name)
    if folder is None:
        raise HTTPException(422, f"There is no folder {name[:200]!r} on the server.")
    return folder


def _model(parts: Services) -> tuple[str, str]:
    """Return the name of the model that looks at new pictures, and what it was trained on."""
    try:
        with parts.live.lease() as serving:
            name, directory = serving.bundle.encoder.name, serving.bundle.model_dir
    except NoBundle:
        return PHOTOS, ""
    try:
        return name, str(read_info(directory)["data"]["name"])
    except (ModelError, KeyError, TypeError):  # of elsewhere, or of another version of the program
        return name, ""


async def _write_captions(at: Desk, parts: Services) -> Path:
    """Write the live gallery's captions and the corrections to the file that indexing reads."""
    with asking_redis():
        corrections = await at.corrections.all()
    captions = parts.settings.data_dir / "desk" / "captions.jsonl"
    with parts.live.lease() as serving:
        lines = gallery_lines(serving.bundle.store, corrections)
        await asyncio.to_thread(_write, captions, lines)
    return captions


def _find_folder(name: str) -> Path | None:
    try:
        # Absolute: a name that begins with a hyphen would be taken for an option.
        path = Path(name).expanduser().absolute()
        return path if name.strip() and path.is_dir() else None
    except (OSError, ValueError, RuntimeError):  # no name of anything, nobody's home
        return None


def _write(path: Path, lines: Iterable[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Another job may still be reading the one before.
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.writelines(lines)
