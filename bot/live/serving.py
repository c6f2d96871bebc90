"""What one turn works with: one bundle, and encoding shared with the other turns that wait."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
from PIL import Image

from bot.live.encoding import BatchedEncoder, Run
from bot.live.pictures import ShownPictures
from bot.stages import stage
from retrieval.bundle.bundle import Bundle
from retrieval.search.encoding import Encoded
from retrieval.search.query import Query
from retrieval.search.result import Hit, SearchResult

logger = logging.getLogger(__name__)

# Where some pictures cannot be shown any more, so many times as many are looked at.
_LOOK_FURTHER = 10


@dataclass(frozen=True)
class Serving:
    """What one turn works with."""

    bundle: Bundle
    encoder: BatchedEncoder
    run: Run
    pictures: ShownPictures
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
    ) -> SearchResult:
        """Search as `Searcher.search` does, encoding for all turns that wait at once.

        Pictures whose files are gone are left out; others come in their place.

        Raises:
            RetrievalError: as there.
        """
        searcher = self.bundle.searcher
        plan = searcher.plan(query)
        with stage("encode"):
            texts = await self.encoder.texts(plan.texts)
            upload = await self.encoder.image(image) if plan.image and image else None
        with stage("rank"):
            encoded = Encoded(texts, upload)
            result: SearchResult = await self.run(self._rank, query, encoded, k, shown)
        return result

    async def compare(
        self, image_ids: Sequence[str], phrases: Sequence[str]
    ) -> npt.NDArray[np.float32]:
        """Compare as `Searcher.compare` does, encoding for all turns that wait at once.

        Raises:
            RetrievalError: as there.
        """
        searcher = self.bundle.searcher
        encoded = Encoded(await self.encoder.texts(searcher.plan_compare(phrases).texts))
        table: npt.NDArray[np.float32] = await self.run(
            searcher.compare, image_ids, phrases, encoded
        )
        return table

    async def find(self, image_id: str) -> Hit | None:
        """Return one picture as a hit, or None if there is none that can be shown."""
        hit: Hit | None = await self.run(self._find, image_id)
        return hit

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
