"""Building a bundle: read the pictures, encode what is new, write everything or nothing."""

import hashlib
import os
import shutil
from collections.abc import Iterable, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from embedding.data.pairs import Skipped
from embedding.data.remote import Root, resolved
from embedding.model.encoder import Encoder
from embedding.onnx.encoder import load_encoder
from embedding.progress import Progress, silent
from retrieval.bundle.calibration import Measures, measure, measure_model
from retrieval.bundle.checked import remember
from retrieval.bundle.collector import Collector, EncodePictures, Entry
from retrieval.bundle.manifest import (
    MODEL,
    REQUESTS,
    SCENES,
    STORE,
    FileRecord,
    Manifest,
    record_files,
    versions_in_use,
)
from retrieval.bundle.previous import Known, Previous, find_previous
from retrieval.bundle.sources import Candidate
from retrieval.bundle.versions import building, install, list_versions, next_version
from retrieval.errors import BundleRefused, RetrievalError
from retrieval.search.captions import mean_captions
from retrieval.search.query_bank import TypicalRequests, measure_nearness
from retrieval.store.embedded import EmbeddedWriter, open_store
from retrieval.store.files import sha256_of
from retrieval.store.protocol import Picture
from retrieval.store.vector_files import VectorFiles
from retrieval.store.vectors import Vectors

__all__ = ["BuildReport", "build_bundle", "check_folders", "collect", "manifest_of"]

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
    root: Root,
    model_dir: Path,
    bundles: Path,
    encoder: Encoder | None = None,
    encode_pictures: EncodePictures | None = None,
    previous: Previous | None = None,
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
        previous: a version whose vectors are the model's; None looks for one.
        attribution: who made the pictures, as they want to be named.
        progress: told how many candidates are done.

    Raises:
        RetrievalError: nothing to index, no picture can be used, or no such folder.
        EmbeddingError: the model cannot be loaded or cannot read pictures.
    """
    root = check_folders(root, model_dir)
    encoder = encoder or load_encoder(model_dir)
    with (
        building(bundles) as directory,
        find_previous(bundles, encoder.fingerprint) or nullcontext() as newest,
    ):
        with EmbeddedWriter(directory / STORE, encoder.dimension) as writer:
            work = collect(
                images,
                writer,
                root=root,
                encoder=encoder,
                encode_pictures=encode_pictures,
                previous=previous or newest,
                progress=progress,
            )
            work.refuse_nothing()
            pictures = [entry.picture(row) for row, entry in enumerate(work.entries.values())]
            writer.finish(pictures, root, attribution)
            _copy_model(model_dir, directory / MODEL, bundles)
            measures = _measure(directory, encoder, writer.vectors(), pictures)
        files = record_files(directory)
        content = hashlib.sha256(repr(sorted(files.items())).encode()).hexdigest()
        with next_version(bundles, content) as version:
            manifest = manifest_of(version, work, encoder, measures, attribution, files)
            manifest.write(directory)
            install(directory, version)
        remember(bundles / version, manifest)
    return BuildReport(version, len(pictures), work.skipped, work.reused, work.folded)


def check_folders(root: Root, model_dir: Path) -> Root:
    """Return the folder of pictures with links resolved; refuse a build without its folders.

    Raises:
        RetrievalError: there is no such folder of pictures, or no such model.
    """
    if isinstance(root, Path) and not root.is_dir():
        raise RetrievalError(f"{root} is not a folder; give the folder that holds the pictures")
    if not model_dir.is_dir():
        raise RetrievalError(f"{model_dir} is not a model directory; train or copy a model first")
    return resolved(root)


def collect(
    images: Iterable[Candidate],
    files: VectorFiles,
    *,
    root: Root,
    encoder: Encoder,
    encode_pictures: EncodePictures | None,
    previous: Known | None,
    progress: Progress,
) -> Collector:
    """Return what was read of candidates; the vectors of pictures and captions go to files.

    Args:
        images: the candidates.
        files: where the vectors go.
        root: the folder that holds all the files, resolved.
        encoder: encodes what captions mean, and the pictures.
        encode_pictures: encodes pictures in its place.
        previous: what the same model encoded before; None where there is nothing.
        progress: told how many candidates are done.
    """
    work = Collector(files, encode_pictures or _encode_with(encoder), root, previous)
    work.take(list(images), progress)
    _write_captions(files, [*work.entries.values()], encoder, previous, progress)
    return work


def manifest_of(
    version: str,
    work: Collector,
    encoder: Encoder,
    measures: Measures,
    attribution: str,
    files: dict[str, FileRecord],
) -> Manifest:
    """Return what a version says of itself.

    Args:
        version: its name.
        work: what was read of the candidates.
        encoder: of its model.
        measures: what was measured of it.
        attribution: who made the pictures.
        files: of its directory; none where it lies in a database.
    """
    return Manifest(
        version=version,
        created=datetime.now(UTC),
        files=files,
        dimension=encoder.dimension,
        count=len(work.entries),
        model_name=encoder.name,
        model_fingerprint=encoder.fingerprint,
        attribution=attribution,
        confidence=measures.confidence,
        cosines=measures.cosines,
        examples=measures.examples,
        skipped=len(work.skipped),
        versions=versions_in_use(),
    )


def _measure(
    directory: Path, encoder: Encoder, vectors: Vectors, pictures: Sequence[Picture]
) -> Measures:
    """Measure a bundle that is being built; write what is too large for its manifest."""
    captions = [picture.captions for picture in pictures]
    bank, scenes = measure_model(directory / MODEL, encoder)
    scenes.save(directory / SCENES)
    requests: TypicalRequests | None = None
    if bank is not None:
        nearness = measure_nearness(bank, vectors, captions)
        bank.save(directory / REQUESTS, nearness)
        requests = TypicalRequests(bank, nearness)
    store = open_store(directory / STORE)
    try:
        return measure(store, encoder, requests, scenes, captions)
    finally:
        store.close()


def _encode_with(encoder: Encoder) -> EncodePictures:
    return lambda _hashes, pictures: encoder.encode_images(pictures)


def _write_captions(
    writer: VectorFiles,
    entries: Sequence[Entry],
    encoder: Encoder,
    previous: Known | None,
    progress: Progress,
) -> None:
    """Encode what captions mean; where they are still the same, the previous bundle knows."""
    captioned = [row for row, entry in enumerate(entries) if entry.captions]
    for start in range(0, len(captioned), _CAPTIONED):
        rows = captioned[start : start + _CAPTIONED]
        batch = [entries[row] for row in rows]
        knows_texts = previous is not None and previous.knows_texts
        known = [i for i, one in enumerate(batch) if knows_texts and one.is_as_before]
        fresh = sorted({*range(len(batch))} - {*known})
        vectors = np.empty((len(batch), encoder.dimension), np.float32)
        if previous and known:
            old_rows = [old.row for i in known if (old := batch[i].old)]
            vectors[known] = previous.caption_vectors(old_rows)
        if fresh:
            vectors[fresh] = mean_captions([batch[i].captions for i in fresh], encoder.encode_text)
        writer.add_captions(rows, vectors)
        progress(start + len(rows), len(captioned), "indexing captions")


def _copy_model(source: Path, target: Path, bundles: Path) -> None:
    """Copy a model directory; files that the newest bundle's model has too are linked to it.

    Never linked to the source: that may change, a bundle may not.
    """
    known = _model_files(bundles)
    for path in sorted(source.rglob("*")):
        name = path.relative_to(source)
        if path.is_dir() or any(part.startswith(".") for part in name.parts):
            continue
        copy = target / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        if known and (same := known.get(sha256_of(path))):
            try:
                os.link(same, copy)
                continue
            except OSError:  # a file system without links
                pass
        shutil.copyfile(path, copy)


def _model_files(bundles: Path) -> dict[str, Path]:
    """Return the files of the newest bundle's model by their sha256; none if it is unreadable."""
    for version in list_versions(bundles)[-1:]:
        with suppress(BundleRefused):
            files = Manifest.read(bundles / version).files
            return {
                record.sha256: bundles / version / name
                for name, record in files.items()
                if name.startswith(f"{MODEL}/")
            }
    return {}
