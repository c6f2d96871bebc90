"""What one turn works with: one bundle, and encoding shared with the other turns that wait."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from bot.live.encoding import BatchedEncoder, Run
from bot.live.pictures import ShownPictures
from bot.stages import stage
from embedding.errors import ModelError
from embedding.model.encoder import Encoder, Vectors
from retrieval.bundle.bundle import Bundle
from retrieval.search.encoding import Encoded
from retrieval.search.query import Hit, Query, SearchResult

logger = logging.getLogger(__name__)

MODEL_LANGUAGE = "en"
"""What a model's own text encoder reads."""
# Where some pictures cannot be shown any more, so many times as many are looked at.
_LOOK_FURTHER = 10


__all__ = ["MODEL_LANGUAGE", "Serving", "open_serving"]


@dataclass(frozen=True)
class Serving:
    """What one turn works with.

    Attributes:
        bundle: answers.
        encoder: its model's, shared with the other turns.
        run: runs blocking work in the serving threads.
        pictures: which ones can still be shown.
        multilingual: encodes texts in other languages than English; None where nothing can.
        loaded_at: when.
    """

    bundle: Bundle
    encoder: BatchedEncoder
    run: Run
    pictures: ShownPictures
    multilingual: BatchedEncoder | None = None
    loaded_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def version(self) -> str:
        """Version of the bundle."""
        return self.bundle.version

    async def search(
        self,
        query: Query,
        k: int,
        *,
        shown: Sequence[str] = (),
        image: Image.Image | None = None,
        language: str = MODEL_LANGUAGE,
    ) -> SearchResult:
        """Search as `Searcher.search` does, encoding for all turns that wait at once.

        Pictures whose files are gone are left out; others come in their place.

        Args:
            query: what is looked for.
            k: how many.
            shown: ids that must not come again.
            image: the upload of the query.
            language: that is spoken; the query may be in another one.

        Raises:
            RetrievalError: as there.
        """
        searcher = self.bundle.searcher
        spoken = query.language or language
        foreign = self.multilingual is not None and spoken != MODEL_LANGUAGE
        query = dataclasses.replace(query, language=spoken if foreign else None)
        plan = searcher.plan(query)
        with stage("encode"):
            texts = await self._encoder(spoken).texts(plan.texts)
            upload = await self.encoder.image(image) if plan.image and image else None
        with stage("rank"):
            encoded = Encoded(texts, upload)
            result: SearchResult = await self.run(self._rank, query, encoded, k, shown)
        return result

    async def encode(
        self, texts: Sequence[str], language: str = MODEL_LANGUAGE
    ) -> dict[str, Vectors]:
        """Return the unit vector of each text, encoding for all turns that wait at once."""
        return await self._encoder(language).texts(texts)

    async def compare(
        self, image_ids: Sequence[str], phrases: Sequence[str], language: str = MODEL_LANGUAGE
    ) -> npt.NDArray[np.float32]:
        """Compare as `Searcher.compare` does, encoding for all turns that wait at once.

        Args:
            image_ids: of the pictures.
            phrases: what they may show.
            language: of the phrases.

        Raises:
            RetrievalError: as there.
        """
        searcher = self.bundle.searcher
        texts = searcher.plan_compare(phrases).texts
        encoded = Encoded(await self._encoder(language).texts(texts))
        table: npt.NDArray[np.float32] = await self.run(
            searcher.compare, image_ids, phrases, encoded
        )
        return table

    async def find(self, image_id: str) -> Hit | None:
        """Return one picture as a hit, or None if there is none that can be shown."""
        hit: Hit | None = await self.run(self._find, image_id)
        return hit

    def _encoder(self, language: str) -> BatchedEncoder:
        """Return what encodes texts in a language; where nothing can, names may tell enough."""
        if language == MODEL_LANGUAGE or self.multilingual is None:
            return self.encoder
        return self.multilingual

    def _find(self, image_id: str) -> Hit | None:
        hit = self.bundle.searcher.get(image_id)
        return hit if hit and self.pictures.can_show(image_id) else None

    def _rank(self, query: Query, encoded: Encoded, k: int, shown: Sequence[str]) -> SearchResult:
        """Rank again without those that cannot be shown, for a bounded number of times."""
        gone: list[str] = []
        for most in (k, _LOOK_FURTHER * k, _LOOK_FURTHER * k):
            result = self.bundle.searcher.rank(query, encoded, most, shown=shown, barred=gone)
            hits = [hit for hit in result.hits if self.pictures.can_show(hit.image_id)]
            if len(hits) == len(result.hits):
                break
            gone += {hit.image_id for hit in result.hits}.difference(hit.image_id for hit in hits)
        is_sure = result.confident if hits else False
        return dataclasses.replace(result, hits=tuple(hits[:k]), confident=is_sure)

    def close(self) -> None:
        """Close the bundle."""
        self.bundle.close()
        logger.info("bundle %s is closed", self.version)


def open_serving(
    bundle: Bundle,
    run: Run,
    *,
    models: Path | None = None,
    on_missing: Callable[[], None] | None = None,
) -> Serving:
    """Return what turns work with, warmed up; the bundle is closed if it cannot be searched.

    Args:
        bundle: open.
        run: runs blocking work of turns.
        models: where what reads other languages is kept; None means ``default_models_dir()``.
        on_missing: called for each picture left out of an answer because its file is gone.
    """
    try:
        # The first search of a fresh model is the slowest; nobody should wait for it.
        bundle.searcher.search(Query(texts=("warm up",)), 1)
        multilingual = _load_multilingual(bundle, models)
    except BaseException:
        bundle.close()
        raise
    return Serving(
        bundle,
        BatchedEncoder(bundle.encoder, run),
        run,
        ShownPictures(bundle.store, on_missing),
        BatchedEncoder(multilingual, run) if multilingual else None,
    )


def _load_multilingual(bundle: Bundle, models: Path | None) -> Encoder | None:
    """Return what reads other languages; without it the bundle answers all the same.

    Its package belongs to the installation and not to the bundle: a damaged one would otherwise
    refuse every bundle there is.
    """
    try:
        encoder = bundle.load_multilingual(models)
        if encoder is not None:
            encoder.encode_text(["warm up"])
    except ModelError as error:
        logger.warning("other languages than English are not searched in: %s", error)
        return None
    return encoder
