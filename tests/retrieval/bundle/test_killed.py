"""A builder that is killed or has no room: what was live goes on, and the next one can build."""

import multiprocessing
import os
import resource
import signal
import sys
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path

import pytest

from retrieval.bundle.build import build_bundle
from retrieval.bundle.bundle import Bundle, Candidate, current_version, list_versions, publish
from retrieval.errors import RetrievalError
from tests.retrieval.stubs import StubEncoder

POINTS = 4


def index(
    folder: Path, model_dir: Path, bundles: Path, die_at: int, touched: "Synchronized[int]"
) -> None:
    """Build and publish; be killed where a file of the bundles is touched for the n-th time."""

    def watch(event: str, arguments: tuple[object, ...]) -> None:
        if event.startswith(("open", "os.", "shutil.", "sqlite3.")) and str(bundles) in repr(
            arguments[:2]
        ):
            touched.value += 1
            if touched.value == die_at:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)
    paths = sorted(folder.glob("red-*-0.png"))
    candidates = [Candidate(path, (path.stem.replace("-", " "),)) for path in paths]
    report = build_bundle(candidates, root=folder, model_dir=model_dir, bundles=bundles)
    publish(bundles, report.version)


def test_a_killed_builder_harms_nothing(
    shapes_dir: Path, shapes_model_dir: Path, tmp_path: Path
) -> None:
    bundles = tmp_path / "bundles"
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload([__name__, "faiss", "onnxruntime"])

    def run(die_at: int) -> tuple[int | None, int]:
        touched = processes.Value("i", 0)
        arguments = (shapes_dir, shapes_model_dir, bundles, die_at, touched)
        process = processes.Process(target=index, args=arguments)
        process.start()
        process.join(120)
        return process.exitcode, touched.value

    ended, touches = run(0)
    assert ended == 0
    first = live = current_version(bundles)
    # The last ones are those of publishing.
    points = [*(touches * n // POINTS for n in range(1, POINTS)), touches - 2, touches]
    for point in points:
        assert run(point)[0] == -signal.SIGKILL, f"nothing was touched for the {point}th time"
        live = current_version(bundles)
        Bundle.open(bundles).close()
        assert live in list_versions(bundles)
    for version in list_versions(bundles):
        Bundle.open(bundles, version).close()
    assert run(0)[0] == 0
    assert current_version(bundles) not in (first, live)
    assert [path.name for path in bundles.glob(".building*")] == []


def test_a_build_without_room_for_any_one_of_its_files_says_so_and_leaves_nothing(
    shapes_dir: Path, tmp_path: Path
) -> None:
    model = tmp_path / "model"
    model.mkdir()
    (model / "weights").write_bytes(bytes(100_000))
    candidates = [Candidate(path, ("a shape",)) for path in sorted(shapes_dir.glob("red-*.png"))]

    def build(bundles: Path) -> None:
        build_bundle(
            candidates, root=shapes_dir, model_dir=model, bundles=bundles, encoder=StubEncoder()
        )

    build(tmp_path / "whole")
    files = [path for path in (tmp_path / "whole").rglob("*") if path.is_file()]
    large = {path.name: path.stat().st_size for path in files if path.stat().st_size > 1_000}
    assert {"vectors.faiss", "pictures.sqlite", "weights", "manifest.json"} <= large.keys()
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    for size in sorted({*large.values()}):
        bundles = tmp_path / str(size)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size - 1, most))
        try:
            with pytest.raises((RetrievalError, OSError), match=r"cannot be written|too large"):
                build(bundles)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
        assert [path.name for path in bundles.iterdir() if path.is_dir()] == []
        build(bundles)
