"""The routes of the job that indexes a folder."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException
from pydantic import BaseModel, Field

from bot.channels.problems import problems
from bot.channels.services import Services, services
from bot.desk.desk import Desk, asking_redis, desk
from bot.desk.downloads import gallery_lines
from bot.desk.indexing import IndexState
from retrieval.store.files import atomic_path

router = APIRouter()
At = Annotated[Desk, Depends(desk)]


class IndexRequest(BaseModel):
    """What to index."""

    folder: str = Field(max_length=4_000, description="A folder on the server's machine.")
    keep_captions: bool = Field(
        False, description="With the live gallery's captions and the corrections, by file name."
    )


@router.get("/index", summary="How far indexing is", responses=problems(503))
async def state(at: At) -> IndexState:
    """Answer with how far the job is, or what came of the last one."""
    with asking_redis():
        return await at.indexing.state()


@router.post(
    "/index", status_code=202, summary="Index a folder", responses=problems(409, 413, 422, 503)
)
async def start(
    wanted: IndexRequest, at: At, parts: Annotated[Services, Depends(services)]
) -> IndexState:
    """Begin to index a folder of the server's machine with the live model; it becomes live.

    409 while another is being indexed.
    """
    folder = await asyncio.to_thread(_find_folder, wanted.folder)
    if folder is None:
        raise HTTPException(422, f"There is no folder {wanted.folder[:200]!r} on the server.")
    captions = None
    if wanted.keep_captions:
        with asking_redis():
            corrections = await at.corrections.all()
        captions = parts.settings.data_dir / "desk" / "captions.jsonl"
        with parts.live.lease() as serving:
            lines = gallery_lines(serving.bundle.store, corrections)
            await asyncio.to_thread(_write, captions, lines)
    with asking_redis():
        return await at.indexing.start(folder, captions)


@router.delete("/index", status_code=202, summary="Stop indexing", responses=problems(503))
async def cancel(at: At) -> IndexState:
    """Have the job stopped; what is live stays."""
    with asking_redis():
        await at.indexing.cancel()
        return await at.indexing.state()


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
