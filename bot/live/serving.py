"""What one turn works with: one bundle, and encoding shared with the other turns that wait."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
from PIL import Image

from bot.live.encoding import BatchedEncoder, Run
from retrieval.bundle.bundle import Bundle
from retrieval.search.encoding import Encoded
from retrieval.search.query import Query
from retrieval.search.result import SearchResult

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Serving:
    """What one turn works with."""

    bundle: Bundle
    encoder: BatchedEncoder
    run: Run
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

        Raises:
            RetrievalError: as there.
        """
        searcher = self.bundle.searcher
        plan = searcher.plan(query)
        texts = await self.encoder.texts(plan.texts)
        upload = await self.encoder.image(image) if plan.image and image else None
        encoded = Encoded(texts, upload)
        result: SearchResult = await self.run(searcher.rank, query, encoded, k, shown=shown)
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

    def close(self) -> None:
        """Close the bundle."""
        self.bundle.close()
        logger.info("bundle %s is closed", self.version)
