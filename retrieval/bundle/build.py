"""Building a bundle: read the pictures, encode what is new, write everything or nothing."""

import hashlib
import os
import shutil
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from PIL import Image

from embedding.data.decode import Decoded
from embedding.data.pairs import Skipped
from embedding.model.feature_cache import FeatureCache
from embedding.model.joint import JointEmbedding
from embedding.progress import Progress, silent
from retrieval.bundle.manifest import (
    GALLERY,
    INDEX,
    MEANINGS,
    MODEL,
    REQUESTS,
    Manifest,
    record_files,
    versions_in_use,
)
from retrieval.bundle.previous import PreviousBundle, find_previous
from retrieval.bundle.sources import Candidate, Rejected, Source, read_source
from retrieval.bundle.versions import building, install, next_version
from retrieval.errors import RetrievalError
from retrieval.search.captions import Captioned, build_meanings
from retrieval.search.confidence import calibrate
from retrieval.search.query_bank import TypicalRequests, known_bank
from retrieval.store.faiss_index import Vectors, build_index
from retrieval.store.files import sha256_of
from retrieval.store.filters import DATE
from retrieval.store.gallery import GalleryImage
from retrieval.store.gallery_writer import GalleryWriter

__all__ = ["BuildReport", "build_bundle"]

# Pictures in memory at once; decoding shrinks each, and both together bound what a build takes.
_BATCH = 32
_READERS = 4


@dataclass(frozen=True)
class BuildReport:
    """What came of a build.

    Attributes:
        version: the new bundle's name; it is not published yet.
        count: pictures in it.
        skipped: candidates that could not be used, and why.
        reused: pictures whose vector an earlier bundle had.
        folded: candidates whose file has the same content as another's.
    """

    version: str
    count: int
    skipped: list[Skipped]
    reused: int
    folded: int


@dataclass
class _Entry:
    """One picture of the bundle to be; candidates of equal content share it."""

    path: str
    sha256: str
    vector: Vectors
    width: int
    height: int
    captioned: Captioned | None = None
    captions: list[str] = field(default_factory=list)
    metadata: dict[str, str] = field(default_factory=dict)

    def tell(self, candidate: Candidate, taken: str | None = None) -> None:
        """Add what a candidate says, and when it was taken; what was said first stays."""
        cleaned = (" ".join(caption.split()) for caption in candidate.captions)
        self.captions += [text for text in cleaned if text and text not in self.captions]
        known = {DATE: taken} if taken else {}
        self.metadata = {**known, **candidate.metadata, **self.metadata}


def build_bundle(
    images: Iterable[Candidate],
    *,
    root: Path,
    model_dir: Path,
    model: JointEmbedding | None = None,
    bundles: Path,
    attribution: str = "",
    cache_dir: Path | None = None,
    progress: Progress | None = None,
) -> BuildReport:
    """Write the next bundle, which `publish` can then make the live one.

    Args:
        images: what goes into it; files of equal content become one picture with the captions
            of all.
        root: the folder that holds all the files; served from there.
        model_dir: a saved JointEmbedding; copied into the bundle.
        model: the same one, if it is loaded already.
        bundles: the bundles directory; made when it is missing.
        attribution: whom the pictures are owed to.
        cache_dir: where training keeps image features, so that they are not computed again;
            None computes them all and keeps none.
        progress: told how many candidates are done.

    Raises:
        RetrievalError: nothing to index, no picture can be used, or no such folder.
        EmbeddingError: the model cannot be loaded or cannot read pictures.
    """
    if not root.is_dir():
        raise RetrievalError(f"{root} is no folder; give the folder that holds the pictures")
    if not model_dir.is_dir():
        raise RetrievalError(f"{model_dir} is no model directory; train or copy a model first")
    candidates = list(images)
    if not candidates:
        raise RetrievalError(f"there are no pictures to index in {root}")
    model = model or JointEmbedding.load(model_dir)
    with (
        ExitStack() as stack,
        building(bundles) as directory,
        find_previous(bundles, model.fingerprint) or nullcontext() as previous,
    ):
        features = stack.enter_context(FeatureCache(cache_dir, model)) if cache_dir else None
        work = _Build(model, root.resolve(), previous, features)
        work.take(candidates, progress or silent)
        entries = list(work.entries.values())
        if not entries:
            first = work.skipped[0]
            raise RetrievalError(
                f"none of the {len(candidates)} pictures can be used; "
                f"the first is {first.what}: {first.why}"
            )
        _copy_model(model_dir, directory / MODEL, previous)
        vectors = np.stack([entry.vector for entry in entries])
        index = build_index(np.arange(len(entries), dtype=np.int64), vectors)
        index.save(directory / INDEX)
        _write_gallery(directory / GALLERY, entries, root.resolve(), attribution)
        known = {row: old for row, e in enumerate(entries) if (old := e.captioned) is not None}
        told = [entry.captions for entry in entries]
        meanings = build_meanings(told, known, model.encode_text, progress or silent)
        if meanings is not None:
            meanings.save(directory / MEANINGS)
        bank = known_bank(model_dir, model)
        if bank is not None:
            TypicalRequests.measure(bank, vectors, told).save(directory / REQUESTS)
        captions = [caption for own in told for caption in own]
        confidence = calibrate(model.encode_text, index, captions)
        files = record_files(directory)
        content = hashlib.sha256(repr(sorted(files.items())).encode()).hexdigest()
        with next_version(bundles, content) as version:
            Manifest(
                version=version,
                created=datetime.now(UTC),
                files=files,
                dimension=index.dimension,
                count=len(entries),
                model_name=model.name,
                model_fingerprint=model.fingerprint,
                attribution=attribution,
                confidence=confidence,
                skipped=len(work.skipped),
                versions=versions_in_use(),
            ).write(directory)
            install(directory, version)
    return BuildReport(version, len(entries), work.skipped, work.reused, work.folded)


class _Build:
    """Collects entries from candidates, a batch at a time."""

    def __init__(
        self,
        model: JointEmbedding,
        root: Path,
        previous: PreviousBundle | None,
        features: FeatureCache | None,
    ) -> None:
        self.entries: dict[str, _Entry] = {}
        self.skipped: list[Skipped] = []
        self.reused = 0
        self.folded = 0
        self._model = model
        self._root = root
        self._previous = previous
        self._features = features

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
        known = self._previous.lookup(list(new)) if self._previous else {}
        for sha256, old in known.items():
            path = new.pop(sha256).path
            self.entries[sha256] = _Entry(
                path, sha256, old.vector, old.width, old.height, old.captioned
            )
        self.reused += len(known)
        damaged = self._encode(list(new.values()), readers)
        told = set(self.entries) - set(new) - set(known)
        for candidate, found in zip(batch, read, strict=True):
            if isinstance(found, Rejected):
                self.skipped.append(Skipped(str(candidate.path), found.why))
            elif problem := damaged.get(found.sha256):
                self.skipped.append(Skipped(found.path, problem.why))
            else:
                self.folded += found.sha256 in told
                told.add(found.sha256)
                self.entries[found.sha256].tell(candidate, found.taken)

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
            vectors = self._vectors([(source.sha256, image) for source, (image, _) in usable])
            for (source, (_, size)), vector in zip(usable, vectors, strict=True):
                self.entries[source.sha256] = _Entry(source.path, source.sha256, vector, *size)
        return damaged

    def _vectors(self, pictures: Sequence[tuple[str, Image.Image]]) -> Vectors:
        """Return unit vectors (n, dimension); training may have left the features of some."""
        if self._features is None:
            return self._model.encode_images([image for _, image in pictures])
        keys = [bytes.fromhex(sha256) for sha256, _ in pictures]
        found = {key: self._features.lookup(key) for key in keys}
        known = {key: features for key, features in found.items() if features is not None}
        fresh = [i for i, key in enumerate(keys) if key not in known]
        if fresh:
            rows = self._model.encode_image_features([pictures[i][1] for i in fresh])
            new = {keys[i]: row[None] for i, row in zip(fresh, rows, strict=True)}
            self._features.store(new)
            known |= new
        return self._model.encode_features(np.concatenate([known[key] for key in keys]))


def _decode(source: Source) -> Decoded | Rejected:
    try:
        return source.decode()
    except Rejected as problem:
        return problem


def _write_gallery(path: Path, entries: Sequence[_Entry], root: Path, attribution: str) -> None:
    with GalleryWriter(path, root, attribution) as gallery:
        for row, entry in enumerate(entries):
            image = GalleryImage(
                image_id=entry.sha256[:16],
                path=entry.path,
                sha256=entry.sha256,
                width=entry.width,
                height=entry.height,
                captions=tuple(entry.captions),
                metadata=entry.metadata,
            )
            gallery.add(row, image)


def _copy_model(source: Path, target: Path, previous: PreviousBundle | None) -> None:
    """Copy a model directory; files that the previous bundle has too are linked to it.

    Never linked to the source: that may change, a bundle may not.
    """
    for path in sorted(source.rglob("*")):
        name = path.relative_to(source)
        if path.is_dir() or any(part.startswith(".") for part in name.parts):
            continue
        copy = target / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        old = f"{MODEL}/{name.as_posix()}"
        record = previous.manifest.files.get(old) if previous else None
        if previous and record and record.sha256 == sha256_of(path):
            try:
                os.link(previous.directory / old, copy)
                continue
            except OSError:  # a file system without links
                pass
        shutil.copyfile(path, copy)
