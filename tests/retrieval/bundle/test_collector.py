"""Reading, decoding and encoding overlap, within bounds, and go on where they were cut off."""

import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from embedding.model.feature_cache import cached_pictures
from embedding.model.vectors import unit
from embedding.onnx.encoder import OnnxEncoder
from embedding.progress import silent
from retrieval.bundle import collector
from retrieval.bundle.collector import Collector, EncodePictures
from retrieval.bundle.sources import Candidate, Source, read_source
from retrieval.store.embedded import EmbeddedWriter
from retrieval.store.vectors import Vectors

BATCH = collector._BATCH


def collect(folder: Path, root: Path, encode: EncodePictures, dimension: int = 4) -> Collector:
    """Collect all drawings of a folder into a store below `root`."""
    candidates = [Candidate(path) for path in sorted(folder.glob("*.png"))]
    with EmbeddedWriter(root / "store", dimension) as writer:
        work = Collector(writer, encode, folder, None)
        work.take(candidates, silent)
    return work


def numbered(hashes: Sequence[str], _pictures: Sequence[Image.Image]) -> Vectors:
    """Return a vector of each picture that its hash decides."""
    rows = [[int(sha256[i], 16) + 1 for i in range(4)] for sha256 in hashes]
    return unit(np.array(rows, np.float32))


def test_the_next_files_are_read_while_pictures_are_encoded(
    shapes_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    next_is_read = threading.Event()
    read: list[str] = []

    def noted(candidate: Candidate, root: Path) -> Source:
        read.append(candidate.path.name)
        if len(read) > 2 * BATCH:
            next_is_read.set()
        return read_source(candidate, root)

    def encode(hashes: Sequence[str], pictures: Sequence[Image.Image]) -> Vectors:
        # Nothing is read far ahead either: what is in memory does not grow with the folder.
        assert len(read) <= (len(encoded) + 4) * BATCH
        encoded.append(len(hashes))
        assert next_is_read.wait(60), "nothing was read meanwhile"
        return numbered(hashes, pictures)

    encoded: list[int] = []
    monkeypatch.setattr(collector, "read_source", noted)
    work = collect(shapes_dir, tmp_path, encode)
    assert sum(encoded) == len(work.entries) == 90


def test_entries_are_in_the_order_of_the_candidates(shapes_dir: Path, tmp_path: Path) -> None:
    work = collect(shapes_dir, tmp_path, numbered)
    paths = [entry.path for entry in work.entries.values()]
    assert paths == sorted(paths)


def test_a_copy_in_a_later_batch_is_folded_and_damage_is_named_each_time(
    shapes_dir: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    originals = sorted(shapes_dir.glob("*.png"))[: 2 * BATCH]
    for path in originals:
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / "zz-copy.png").write_bytes(originals[0].read_bytes())
    for name in ("aa-damaged.png", "zz-damaged.png"):
        (folder / name).write_bytes(b"\x89PNG\r\n\x1a\n nothing more")
    encoded: list[str] = []

    def encode(hashes: Sequence[str], pictures: Sequence[Image.Image]) -> Vectors:
        encoded.extend(hashes)
        return numbered(hashes, pictures)

    work = collect(folder, tmp_path, encode)
    assert len(encoded) == len(set(encoded)) == len(work.entries) == 2 * BATCH
    assert work.folded == 1
    assert [one.what for one in work.skipped] == ["aa-damaged.png", "zz-damaged.png"]


def test_a_run_that_was_cut_off_goes_on_where_it_was(
    shapes_dir: Path, shapes_model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = OnnxEncoder(shapes_model_dir)
    original = OnnxEncoder.encode_image_features
    looked_at: list[int] = []
    most = 2 * BATCH

    def counted(self: OnnxEncoder, pictures: Sequence[Image.Image]) -> Vectors:
        if sum(looked_at) >= most:
            raise MemoryError
        looked_at.append(len(pictures))
        return original(self, pictures)

    monkeypatch.setattr(OnnxEncoder, "encode_image_features", counted)
    with cached_pictures(encoder, tmp_path / "cache") as encode, pytest.raises(MemoryError):
        collect(shapes_dir, tmp_path / "first", encode, encoder.dimension)
    looked_at.clear()
    most = 1000
    with cached_pictures(encoder, tmp_path / "cache") as encode:
        work = collect(shapes_dir, tmp_path / "second", encode, encoder.dimension)
    assert len(work.entries) == 90
    assert sum(looked_at) == 90 - 2 * BATCH


def test_a_rejected_candidate_is_named_by_its_path(shapes_dir: Path, tmp_path: Path) -> None:
    with EmbeddedWriter(tmp_path / "store", 4) as writer:
        work = Collector(writer, numbered, shapes_dir, None)
        work.take([Candidate(shapes_dir / "missing.png")], silent)
    assert not work.entries
    assert work.skipped[0].what.endswith("missing.png")
