"""Reading and encoding what goes into a bundle, each content once."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from embedding.data.decode import Decoded
from embedding.data.pairs import Skipped
from embedding.progress import Progress
from retrieval.bundle.previous import PreviousBundle
from retrieval.bundle.sources import Candidate, Rejected, Source, read_source
from retrieval.store.embedded import EmbeddedWriter
from retrieval.store.filters import DATE
from retrieval.store.protocol import Picture
from retrieval.store.vectors import Vectors

__all__ = ["Collector", "EncodePictures", "Entry"]

EncodePictures = Callable[[Sequence[str], Sequence[Image.Image]], Vectors]
"""The hashes of files (sha256 in hex) and the pictures in them -> unit vectors (n, dimension)."""

# Pictures in memory at once; decoding shrinks each, and both together bound what a build takes.
_BATCH = 32
_READERS = 4


@dataclass
class Entry:
    """One picture of the bundle to be; candidates of equal content share it.

    Attributes:
        old: the same picture in the previous bundle.
    """

    path: str
    sha256: str
    width: int
    height: int
    old: Picture | None = None
    captions: list[str] = field(default_factory=list)
    metadata: dict[str, str] = field(default_factory=dict)

    def add(self, candidate: Candidate, taken: str | None = None) -> None:
        """Add what a candidate says, and when it was taken; what was said first stays."""
        cleaned = (" ".join(caption.split()) for caption in candidate.captions)
        self.captions += [text for text in cleaned if text and text not in self.captions]
        date = {DATE: taken} if taken else {}
        self.metadata = {**date, **candidate.metadata, **self.metadata}

    @property
    def is_as_before(self) -> bool:
        """Whether its captions are those that the previous bundle has."""
        return self.old is not None and self.old.captions == tuple(self.captions)

    def picture(self, row: int) -> Picture:
        """Return what the gallery keeps."""
        return Picture(
            row,
            image_id=self.sha256[:16],
            path=self.path,
            sha256=self.sha256,
            width=self.width,
            height=self.height,
            captions=tuple(self.captions),
            metadata=self.metadata,
        )


class Collector:
    """Collects entries from candidates, a batch at a time; their vectors go to the writer.

    Attributes:
        entries: by the sha256 of their files, in the order of their rows.
        skipped: candidates that could not be used, and why.
        reused: entries whose vector the previous bundle had.
        folded: candidates whose file has the same content as another's.
    """

    def __init__(
        self,
        writer: EmbeddedWriter,
        encode: EncodePictures,
        root: Path,
        previous: PreviousBundle | None,
    ) -> None:
        self.entries: dict[str, Entry] = {}
        self.skipped: list[Skipped] = []
        self.reused = 0
        self.folded = 0
        self._writer = writer
        self._encode_pictures = encode
        self._root = root
        self._previous = previous

    def take(self, candidates: Sequence[Candidate], progress: Progress) -> None:
        """Make entries of all candidates that can be read."""
        with ThreadPoolExecutor(_READERS) as readers:
            for start in range(0, len(candidates), _BATCH):
                batch = candidates[start : start + _BATCH]
                self._take_batch(batch, readers)
                progress(start + len(batch), len(candidates), "indexing pictures")

    def _take_batch(self, batch: Sequence[Candidate], readers: ThreadPoolExecutor) -> None:
        read = list(readers.map(self._read, batch))
        new: dict[str, Source] = {}
        for found in read:
            if isinstance(found, Source) and found.sha256 not in self.entries:
                new.setdefault(found.sha256, found)
        fresh = set(new)
        self._take_over(new)
        damaged = self._encode(list(new.values()), readers)
        for candidate, found in zip(batch, read, strict=True):
            if isinstance(found, Rejected):
                self.skipped.append(Skipped(str(candidate.path), found.why))
            elif problem := damaged.get(found.sha256):
                self.skipped.append(Skipped(found.path, problem.why))
            else:
                self.folded += found.sha256 not in fresh
                fresh.discard(found.sha256)
                self.entries[found.sha256].add(candidate, found.taken)

    def _take_over(self, new: dict[str, Source]) -> None:
        """Make entries of those new pictures that the previous bundle has; take them off."""
        if self._previous is None:
            return
        pictures, vectors = self._previous.lookup(list(new))
        self._writer.add(vectors)
        for old in pictures:
            path = new.pop(old.sha256).path
            self.entries[old.sha256] = Entry(path, old.sha256, old.width, old.height, old)
        self.reused += len(pictures)

    def _read(self, candidate: Candidate) -> Source | Rejected:
        try:
            return read_source(candidate, self._root)
        except Rejected as problem:
            return problem

    def _encode(
        self, sources: Sequence[Source], readers: ThreadPoolExecutor
    ) -> dict[str, Rejected]:
        """Encode new pictures; return those that are damaged, by their hash."""
        decoded = list(zip(sources, readers.map(_decode, sources), strict=True))
        damaged = {
            source.sha256: result for source, result in decoded if isinstance(result, Rejected)
        }
        usable = [(source, r) for source, r in decoded if not isinstance(r, Rejected)]
        if usable:
            hashes = [source.sha256 for source, _ in usable]
            self._writer.add(self._encode_pictures(hashes, [image for _, (image, _) in usable]))
            for source, (_, size) in usable:
                self.entries[source.sha256] = Entry(source.path, source.sha256, *size)
        return damaged


def _decode(source: Source) -> Decoded | Rejected:
    try:
        return source.decode()
    except Rejected as problem:
        return problem
