"""The map of the space: pictures in two dimensions, and what was asked for among them.

Pictures that are near in the space are near on the map (t-SNE). A question is put among those
pictures that it is nearest to.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import tempfile
from asyncio.subprocess import DEVNULL, PIPE
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bot.errors import BotError
from embedding.model.vectors import Vectors, unit
from retrieval.bundle.bundle import Bundle
from retrieval.store.files import atomic_path

MOST_PICTURES = 2_000
"""A larger gallery is drawn by a sample, spread evenly."""
_NEAREST = 5
# How sharply the nearest picture draws a question to itself, for a unit of cosine.
_PULL = 25.0
_NICENESS = 10
_PATIENCE_S = 300
# Several threads of t-SNE wait for each other in a loop, which on a busy machine takes minutes.
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


class MapFailed(BotError):
    """The map cannot be drawn."""


@dataclass(frozen=True, eq=False)
class Plane:
    """Where the pictures of one version lie.

    Attributes:
        rows: (n,) of the pictures.
        places: (n, 2), in the unit square.
        vectors: (n, dimension), centred, of unit length.
        texts: (dimension,) the middle of texts, from which theirs are counted.
    """

    rows: npt.NDArray[np.int64]
    places: npt.NDArray[np.float32]
    vectors: Vectors
    texts: Vectors

    def near(self, texts: Vectors) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
        """Return where texts belong.

        Texts and pictures lie in two different parts of a joint space; each is seen from the
        middle of its own (Liang et al., 2022, "Mind the gap").

        Args:
            texts: (m, dimension) unit vectors.

        Returns:
            Places (m, 2), and of each the nearest pictures, as places in `rows`, (m, 5 or less).
        """
        cosines = unit(texts - self.texts) @ self.vectors.T
        nearest = np.argsort(-cosines, axis=1)[:, :_NEAREST]
        of_nearest = np.take_along_axis(cosines, nearest, axis=1)
        weights = np.exp(_PULL * (of_nearest - of_nearest[:, :1]))
        weights /= weights.sum(axis=1, keepdims=True)
        places = np.einsum("mk,mkd->md", weights, self.places[nearest])
        return places.astype(np.float32), nearest


class Space:
    """Draws each version once, when it is first looked at.

    Args:
        folder: keeps the places.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = asyncio.Lock()
        self._drawn: tuple[str, Plane] | None = None

    async def plane(self, bundle: Bundle) -> Plane:
        """Return where the pictures of a bundle lie.

        Raises:
            MapFailed: it cannot be drawn.
        """
        async with self._lock:  # who asks meanwhile waits for the same
            if self._drawn is None or self._drawn[0] != bundle.version:
                self._drawn = bundle.version, await self._draw(bundle)
            return self._drawn[1]

    async def _draw(self, bundle: Bundle) -> Plane:
        rows, vectors, texts = await asyncio.to_thread(_sample, bundle)
        kept = self._folder / f"{bundle.version}-{len(rows)}.npy"
        places = await asyncio.to_thread(_read, kept, len(rows))
        if places is None:
            places = await self._lay_out(vectors, kept)
        middle = vectors.mean(axis=0)
        return Plane(rows, places, unit(vectors - middle), texts)

    async def _lay_out(self, vectors: Vectors, kept: Path) -> npt.NDArray[np.float32]:
        with tempfile.TemporaryDirectory(prefix="showtell-map-") as folder:
            given, made = Path(folder) / "vectors.npy", Path(folder) / "places.npy"
            await asyncio.to_thread(np.save, given, vectors)
            command = [sys.executable, "-m", "bot.desk.layout", str(given), str(made)]
            environment = os.environ | _ONE_THREAD
            process = await asyncio.create_subprocess_exec(
                *command, env=environment, stdin=DEVNULL, stderr=PIPE
            )
            with contextlib.suppress(OSError):  # it has ended already
                os.setpriority(os.PRIO_PROCESS, process.pid, _NICENESS)
            try:
                _, said = await asyncio.wait_for(process.communicate(), _PATIENCE_S)
            except TimeoutError:
                raise MapFailed(f"the map was not drawn within {_PATIENCE_S} seconds") from None
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()
            places = await asyncio.to_thread(_read, made, len(vectors))
            if places is None:
                last = said.decode("utf-8", "replace").strip().rpartition("\n")[2]
                raise MapFailed(f"the map cannot be drawn: {last or 'its process ended'}")
        await asyncio.to_thread(_keep, places, kept)
        return places


def _sample(bundle: Bundle) -> tuple[npt.NDArray[np.int64], Vectors, Vectors]:
    """Return rows, their vectors, and the middle of texts in this space."""
    store = bundle.store
    rows = store.sample(MOST_PICTURES)
    vectors = store.vectors(rows)
    captioned = [picture.row for picture in store.pictures(rows) if any(picture.captions)]
    if captioned:
        texts = store.vectors(captioned, "captions")
    elif bundle.requests is not None:
        texts = bundle.requests.bank.vectors
    else:
        texts = np.zeros((1, store.dimension), np.float32)
    return np.asarray(rows), vectors, np.asarray(texts.mean(axis=0), np.float32)


def _read(file: Path, count: int) -> npt.NDArray[np.float32] | None:
    """Return places that were worked out; None where there are none of this shape."""
    try:
        places: npt.NDArray[np.float32] = np.load(file)
    except (OSError, ValueError, EOFError):
        return None
    return places if places.shape == (count, 2) else None


def _keep(places: npt.NDArray[np.float32], file: Path) -> None:
    with contextlib.suppress(OSError):  # on a full disk it is drawn again next time
        file.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(file) as temporary, temporary.open("wb") as opened:
            np.save(opened, places)
