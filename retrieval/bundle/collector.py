"""Reading and encoding what goes into a gallery, each content once."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TypeVar

from PIL import Image

from embedding.data.decode import Decoded
from embedding.data.pairs import Skipped
from embedding.data.remote import Root
from embedding.progress import Progress
from retrieval.bundle.previous import Known
from retrieval.bundle.sources import Candidate, Rejected, Source, read_source
from retrieval.errors import RetrievalError
from retrieval.store.filters import DATE
from retrieval.store.protocol import Picture
from retrieval.store.vector_files import VectorFiles
from retrieval.store.vectors import Vectors

__all__ = ["Collector", "EncodePictures", "Entry"]

EncodePictures = Callable[[Sequence[str], Sequence[Image.Image]], Vectors]
"""The hashes of files (sha256 in hex) and the pictures in them -> unit vectors (n, dimension)."""

_BATCH = 16
"""Pictures that are encoded together; three batches are in memory at once, one in each step."""
_READERS = 4
_ENCODING = 2
"""Batches that are encoded at once: the last pictures of one leave cores to the next."""

T = TypeVar("T")


@dataclass
class Entry:
    """One picture of the version to be; candidates of equal content share it.

    Attributes:
        old: the same picture in the previous version.
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
        """Whether its captions are those that the previous version has."""
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


@dataclass
class _Batch:
    """Candidates on their way.

    Attributes:
        candidates: of this batch.
        found: of each its file, without the bytes, or why there is none.
        old: those new here that the previous version has, and their vectors.
        decoding: the other new ones by their hashes.
        usable: those of them that could be decoded.
        vectors: of the usable ones, as they are computed.
    """

    candidates: Sequence[Candidate]
    found: list[Source | Rejected]
    old: tuple[list[Picture], Vectors] | None
    decoding: dict[str, Future[Decoded]]
    usable: dict[str, Decoded] = field(default_factory=dict)
    vectors: Future[Vectors] | None = None


class Collector:
    """Collects entries from candidates, a batch at a time; their vectors go to the writer.

    Files are read and decoded while earlier pictures are encoded, and those are encoded while the
    vectors of others are written.

    Attributes:
        entries: by the sha256 of their files, in the order of their rows.
        skipped: candidates that could not be used, and why.
        reused: entries whose vector the previous version had.
        folded: candidates whose file has the same content as another's.
    """

    def __init__(
        self,
        writer: VectorFiles,
        encode: EncodePictures,
        root: Root,
        previous: Known | None,
    ) -> None:
        self.entries: dict[str, Entry] = {}
        self.skipped: list[Skipped] = []
        self.reused = 0
        self.folded = 0
        self._writer = writer
        self._encode_pictures = encode
        self._root = root
        self._previous = previous
        self._begun: set[str] = set()
        self._damaged: dict[str, Rejected] = {}

    def take(self, candidates: Sequence[Candidate], progress: Progress) -> None:
        """Make entries of all candidates that can be read."""
        batches = [candidates[i : i + _BATCH] for i in range(0, len(candidates), _BATCH)]
        done = 0
        with ThreadPoolExecutor(_READERS) as readers, ThreadPoolExecutor(_ENCODING) as encoder:
            read = _ahead(
                (batch, [readers.submit(self._read, one) for one in batch]) for batch in batches
            )
            opened = _ahead(self._open(batch, files, readers) for batch, files in read)
            for batch in _ahead(self._encode(one, encoder) for one in opened):
                self._keep(batch)
                done += len(batch.candidates)
                progress(done, len(candidates), "indexing pictures")

    def refuse_nothing(self) -> None:
        """Refuse to make a gallery of no pictures.

        Raises:
            RetrievalError: there were no candidates, or none that can be used.
        """
        if self.entries:
            return
        if not self.skipped:
            raise RetrievalError(f"there are no pictures to index in {self._root}")
        first = self.skipped[0]
        raise RetrievalError(
            f"none of the {len(self.skipped)} pictures can be used; "
            f"the first is {first.what}: {first.why}"
        )

    def _read(self, candidate: Candidate) -> Source | Rejected:
        try:
            return read_source(candidate, self._root)
        except Rejected as problem:
            return problem

    def _open(
        self,
        candidates: Sequence[Candidate],
        files: Sequence[Future[Source | Rejected]],
        readers: ThreadPoolExecutor,
    ) -> _Batch:
        """Look new contents up in the previous version, and begin to decode the others."""
        new: dict[str, Source] = {}
        found = [file.result() for file in files]
        for i, source in enumerate(found):
            if isinstance(source, Source):
                if source.sha256 not in self._begun:
                    new.setdefault(source.sha256, source)
                found[i] = replace(source, data=b"")
        self._begun.update(new)  # "|= new.keys()" would copy all of it
        old = self._previous.lookup(list(new)) if self._previous else None
        for picture in old[0] if old else ():
            del new[picture.sha256]
        decoding = {sha256: readers.submit(source.decode) for sha256, source in new.items()}
        return _Batch(candidates, found, old, decoding)

    def _encode(self, batch: _Batch, encoder: ThreadPoolExecutor) -> _Batch:
        """Wait for the pictures of a batch, and begin to encode them."""
        for sha256, decoded in batch.decoding.items():
            try:
                batch.usable[sha256] = decoded.result()
            except Rejected as problem:
                self._damaged[sha256] = problem
        if batch.usable:
            pictures = [decoded.image for decoded in batch.usable.values()]
            batch.vectors = encoder.submit(self._encode_pictures, list(batch.usable), pictures)
        return batch

    def _keep(self, batch: _Batch) -> None:
        """Write the vectors of a batch, and make its entries."""
        paths = {one.sha256: one.path for one in reversed(batch.found) if isinstance(one, Source)}
        fresh: set[str] = set()
        if batch.old is not None:
            pictures, vectors = batch.old
            self._writer.add(vectors)
            for old in pictures:
                size = (old.width, old.height)
                self.entries[old.sha256] = Entry(paths[old.sha256], old.sha256, *size, old)
            self.reused += len(pictures)
            fresh |= {old.sha256 for old in pictures}
        if batch.vectors is not None:
            self._writer.add(batch.vectors.result())
            for sha256, (_, size) in batch.usable.items():
                self.entries[sha256] = Entry(paths[sha256], sha256, *size)
            fresh.update(batch.usable)
        for candidate, found in zip(batch.candidates, batch.found, strict=True):
            if isinstance(found, Rejected):
                self.skipped.append(Skipped(str(candidate.path), found.why))
            elif problem := self._damaged.get(found.sha256):
                self.skipped.append(Skipped(found.path, problem.why))
            else:
                self.folded += found.sha256 not in fresh
                fresh.discard(found.sha256)
                self.entries[found.sha256].add(candidate, found.taken)


def _ahead(begun: Iterable[T]) -> Iterator[T]:
    """Yield work that was begun, each only when the one after it has been begun too."""
    waiting: deque[T] = deque()
    for one in begun:
        waiting.append(one)
        if len(waiting) > 1:
            yield waiting.popleft()
    yield from waiting
