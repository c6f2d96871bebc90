"""Which pictures of a version hold which stems, read list by list and kept.

To hand a list over as it is costs PostgreSQL a fifth of what adding lists up would, and those of
the commonest stems, which most requests ask for, come once.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from retrieval.postgres.database import Reader
from retrieval.postgres.rows import StoredVersion
from retrieval.store.kept import Kept
from retrieval.store.vectors import Ids
from retrieval.store.word_index import impact

__all__ = ["Holders", "Postings"]

Holders = tuple[Ids, npt.NDArray[np.float32]]
"""The rows that hold a stem, ascending, and how much it adds to BM25 in each."""

_KEPT = 5_000_000
"""Postings of one version, of 12 bytes each: all of 400,000 pictures with two captions."""

# One number holds a picture, how often it says the stem, and its words in all: 35, 12 and 16 bits.
_FREQUENCY, _LENGTH = 4095, 65_535
_PACKED = f"""
SELECT stem, string_agg(int8send((picture << 28)
    | (least(frequency, {_FREQUENCY})::bigint << 16) | least(length, {_LENGTH})), ''::bytea)
FROM postings WHERE stem = ANY(%s::text[]) AND since <= %s AND until > %s GROUP BY stem
"""  # noqa: S608 - fixed parts


class Postings:
    """The lists of one version; safe to use from several threads.

    Args:
        reader: of the database.
        version: whose they are.
    """

    def __init__(self, reader: Reader, version: StoredVersion) -> None:
        self._reader = reader
        self._version = version
        self._mean_length = max(version.words / max(version.count, 1), 1e-9)
        self._kept: Kept[str, Holders] = Kept(_KEPT, lambda one: max(1, len(one[0])))

    def of(self, stems: Sequence[str]) -> list[Holders]:
        """Return the lists of stems, in their order."""
        found = self._kept.find(stems)
        new = [stem for stem in stems if stem not in found]
        if new:
            number = self._version.number
            packed = dict(self._reader.fetch(_PACKED, (new, number, number)))
            fresh = {stem: self._unpack(packed.get(stem, b"")) for stem in new}
            self._kept.keep(fresh)
            found |= fresh
        return [found[stem] for stem in stems]

    def _unpack(self, packed: bytes) -> Holders:
        numbers = np.sort(np.frombuffer(packed, ">i8").astype(np.int64))
        said = (numbers >> 16) & _FREQUENCY
        return numbers >> 28, impact(said, numbers & _LENGTH, self._mean_length)
