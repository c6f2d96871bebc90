"""Building a bundle: read the pictures, encode what is new, write everything or nothing."""

import hashlib
import os
import shutil
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from embedding.data.pairs import Skipped
from embedding.model.encoder import Encoder
from embedding.onnx.encoder import load_encoder
from embedding.progress import Progress, silent
from retrieval.bundle.calibration import measure
from retrieval.bundle.collector import Collector, EncodePictures, Entry
from retrieval.bundle.manifest import MODEL, STORE, Manifest, record_files, versions_in_use
from retrieval.bundle.previous import PreviousBundle, find_previous
from retrieval.bundle.sources import Candidate
from retrieval.bundle.versions import building, install, next_version
from retrieval.errors import RetrievalError
from retrieval.search.captions import mean_captions
from retrieval.store.embedded import EmbeddedWriter
from retrieval.store.files import sha256_of

__all__ = ["BuildReport", "build_bundle"]

_CAPTIONED = 256
"""Pictures whose captions are encoded at once."""


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


def build_bundle(
    images: Iterable[Candidate],
    *,
    root: Path,
    model_dir: Path,
    bundles: Path,
    encoder: Encoder | None = None,
    encode_pictures: EncodePictures | None = None,
    attribution: str = "",
    progress: Progress = silent,
) -> BuildReport:
    """Write the next bundle, which `publish` can then make the live one.

    Args:
        images: what goes into it; files of equal content become one picture with the captions
            of all.
        root: the folder that holds all the files; served from there.
        model_dir: a model directory; copied into the bundle.
        bundles: the bundles directory; made when it is missing.
        encoder: that of `model_dir`, if it is loaded already.
        encode_pictures: encodes pictures in its place, perhaps with what training left of them
            (see embedding.model.feature_cache.cached_pictures).
        attribution: who made the pictures, as they want to be named.
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
    encoder = encoder or load_encoder(model_dir)
    encode = encode_pictures or _encode_with(encoder)
    root = root.resolve()
    with (
        building(bundles) as directory,
        find_previous(bundles, encoder.fingerprint) or nullcontext() as previous,
    ):
        with EmbeddedWriter(directory / STORE, encoder.dimension) as writer:
            work = Collector(writer, encode, root, previous)
            work.take(candidates, progress)
            if not work.entries:
                first = work.skipped[0]
                raise RetrievalError(
                    f"none of the {len(candidates)} pictures can be used; "
                    f"the first is {first.what}: {first.why}"
                )
            entries = list(work.entries.values())
            _write_captions(writer, entries, encoder, previous, progress)
            pictures = [entry.picture(row) for row, entry in enumerate(entries)]
            writer.finish(pictures, root, attribution)
            _copy_model(model_dir, directory / MODEL, previous)
            measures = measure(directory, encoder, writer.vectors(), pictures)
        files = record_files(directory)
        content = hashlib.sha256(repr(sorted(files.items())).encode()).hexdigest()
        with next_version(bundles, content) as version:
            Manifest(
                version=version,
                created=datetime.now(UTC),
                files=files,
                dimension=encoder.dimension,
                count=len(entries),
                model_name=encoder.name,
                model_fingerprint=encoder.fingerprint,
                attribution=attribution,
                confidence=measures.confidence,
                cosines=measures.cosines,
                examples=measures.examples,
                skipped=len(work.skipped),
                versions=versions_in_use(),
            ).write(directory)
            install(directory, version)
    return BuildReport(version, len(entries), work.skipped, work.reused, work.folded)


def _encode_with(encoder: Encoder) -> EncodePictures:
    return lambda _hashes, pictures: encoder.encode_images(pictures)


def _write_captions(
    writer: EmbeddedWriter,
    entries: Sequence[Entry],
    encoder: Encoder,
    previous: PreviousBundle | None,
    progress: Progress,
) -> None:
    """Encode what captions mean; where they are still the same, the previous bundle knows."""
    captioned = [row for row, entry in enumerate(entries) if entry.captions]
    for start in range(0, len(captioned), _CAPTIONED):
        rows = captioned[start : start + _CAPTIONED]
        batch = [entries[row] for row in rows]
        known = [i for i, one in enumerate(batch) if one.is_as_before]
        fresh = sorted({*range(len(batch))} - {*known})
        vectors = np.empty((len(batch), encoder.dimension), np.float32)
        if previous and known:
            old_rows = [old.row for i in known if (old := batch[i].old)]
            vectors[known] = previous.caption_vectors(old_rows)
        if fresh:
            vectors[fresh] = mean_captions([batch[i].captions for i in fresh], encoder.encode_text)
        writer.add_captions(rows, vectors)
        progress(start + len(rows), len(captioned), "indexing captions")


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
