"""One forward pass for all turns that wait: a batch of sixteen costs little more than one.

While a batch is being encoded, what comes in waits for the next. Nothing waits for company: a
turn that is alone is encoded at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, TypeVar

from PIL import Image

from embedding.model.encoder import Encoder, Vectors
from retrieval.search.encoding import TextVectors

Run = Callable[..., Awaitable[Any]]
"""Runs blocking work (work, *arguments) in the serving threads."""

T = TypeVar("T")

LARGEST_BATCH = 32
"""More would keep those waiting who came first."""


class BatchedTexts:
    """Encodes texts for all turns of one event loop; each is encoded once, whoever asks.

    Args:
        encode: texts -> one vector for each.
        run: where it works.
        kept: the vectors that are known already.
    """

    def __init__(
        self, encode: Callable[[Sequence[str]], Vectors], run: Run, kept: TextVectors | None = None
    ) -> None:
        self._kept = kept or TextVectors()
        self._coming: dict[str, asyncio.Future[Vectors]] = {}
        self._batches: _Batches[str] = _Batches(encode, run)

    async def encode(self, texts: Sequence[str]) -> dict[str, Vectors]:
        """Return the unit vector of each text."""
        vectors, coming = self._begin(texts)
        found = await asyncio.gather(*(asyncio.shield(one) for one in coming.values()))
        return vectors | dict(zip(coming, found, strict=True))

    def expect(self, texts: Sequence[str]) -> None:
        """Begin to encode texts that will most likely be asked for."""
        self._begin(texts)

    def _begin(
        self, texts: Sequence[str]
    ) -> tuple[dict[str, Vectors], dict[str, asyncio.Future[Vectors]]]:
        """Return the vectors that are known, and what will be those of the other texts."""
        known = self._kept.find(texts)
        new = [text for text in dict.fromkeys(texts) if text not in known]
        return known, {text: self._coming.get(text) or self._add(text) for text in new}

    def _add(self, text: str) -> asyncio.Future[Vectors]:
        coming = self._coming[text] = self._batches.add(text)
        coming.add_done_callback(lambda done: self._arrived(text, done))
        return coming

    def _arrived(self, text: str, done: asyncio.Future[Vectors]) -> None:
        del self._coming[text]
        if not done.cancelled() and done.exception() is None:
            self._kept.keep({text: done.result()})


class BatchedEncoder:
    """Encodes texts and pictures for all turns of one event loop.

    Args:
        encoder: the bundle's.
        run: where it works.
    """

    def __init__(self, encoder: Encoder, run: Run) -> None:
        self._texts = BatchedTexts(encoder.encode_text, run)
        self._images: _Batches[Image.Image] = _Batches(encoder.encode_images, run)

    async def texts(self, texts: Sequence[str]) -> dict[str, Vectors]:
        """Return the unit vector of each text; each is encoded once, whoever asks."""
        return await self._texts.encode(texts)

    def expect(self, texts: Sequence[str]) -> None:
        """Begin to encode texts that will most likely be asked for."""
        self._texts.expect(texts)

    async def image(self, image: Image.Image) -> Vectors:
        """Return the unit vector of a picture."""
        return await asyncio.shield(self._images.add(image))


class _Batches(Generic[T]):
    """Collects items while a batch is at work, then works on those together."""

    def __init__(self, work: Callable[[Sequence[T]], Vectors], run: Run) -> None:
        self._work = work
        self._run = run
        self._waiting: list[tuple[T, asyncio.Future[Vectors]]] = []
        self._worker: asyncio.Task[None] | None = None

    def add(self, item: T) -> asyncio.Future[Vectors]:
        """Return what will be the item's vector. Shield it: others may wait for the same."""
        future: asyncio.Future[Vectors] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._drain(), name="encoding")
        return future

    async def _drain(self) -> None:
        while self._waiting:
            batch = self._waiting[:LARGEST_BATCH]
            del self._waiting[:LARGEST_BATCH]
            try:
                vectors = await self._run(self._work, [item for item, _ in batch])
            except asyncio.CancelledError:
                for _, future in batch + self._waiting:
                    future.cancel()
                self._waiting.clear()
                raise
            except Exception as error:  # noqa: BLE001 - everybody who waits for it is told
                for _, future in batch:
                    future.set_exception(error)
                    future.exception()  # retrieved, should they all have gone meanwhile
            else:
                for (_, future), vector in zip(batch, vectors, strict=True):
                    future.set_result(vector)
