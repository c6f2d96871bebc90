import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from retrieval.bundle.versions import (
    CURRENT,
    building,
    current_version,
    install,
    keep_newest,
    list_versions,
    next_version,
    previous_version,
    publish,
    remove_version,
)
from retrieval.errors import BundleError, NoBundle

CONTENT = "ab" * 32


def make(bundles: Path, *versions: str) -> None:
    for version in versions:
        (bundles / version).mkdir(parents=True)


def build(bundles: Path) -> str:
    with building(bundles) as directory:
        (directory / "model").mkdir()
        (directory / "model" / "file").write_text("x")
        with next_version(bundles, CONTENT) as version:
            install(directory, version)
    return version


def test_versions_sort_by_age(tmp_path: Path) -> None:
    make(tmp_path, "9999-00000000", "10000-00000000", "0002-ffffffff", "0001-aaaaaaaa")
    make(tmp_path, "other", "12-00000000", ".building-1")
    (tmp_path / "0003-00000000").touch()
    expected = ["0001-aaaaaaaa", "0002-ffffffff", "9999-00000000", "10000-00000000"]
    assert list_versions(tmp_path) == expected
    assert list_versions(tmp_path / "nowhere") == []


def test_publishes_and_reads_back(tmp_path: Path) -> None:
    make(tmp_path, "0001-aaaaaaaa", "0002-bbbbbbbb")
    with pytest.raises(NoBundle, match="no bundle is published"):
        current_version(tmp_path)
    publish(tmp_path, "0001-aaaaaaaa")
    publish(tmp_path, "0002-bbbbbbbb")
    assert current_version(tmp_path) == "0002-bbbbbbbb"
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == [CURRENT]


@pytest.mark.parametrize("version", ["0009-aaaaaaaa", "..", "", "0001-aaaaaaaa/../x", "/etc"])
def test_only_what_exists_is_published_or_live(tmp_path: Path, version: str) -> None:
    make(tmp_path, "0001-aaaaaaaa")
    with pytest.raises(NoBundle, match="there is no bundle"):
        publish(tmp_path, version)
    assert not (tmp_path / CURRENT).exists()
    (tmp_path / CURRENT).write_text(version)
    with pytest.raises(NoBundle, match="there is no bundle"):
        current_version(tmp_path)


def test_previous_version(tmp_path: Path) -> None:
    make(tmp_path, "0001-aaaaaaaa", "0003-bbbbbbbb")
    assert previous_version(tmp_path, "0003-bbbbbbbb") == "0001-aaaaaaaa"
    assert previous_version(tmp_path, "0002-cccccccc") == "0001-aaaaaaaa"
    with pytest.raises(NoBundle, match="no bundle older"):
        previous_version(tmp_path, "0001-aaaaaaaa")
    with pytest.raises(NoBundle, match="is not a version"):
        previous_version(tmp_path, "newest")


def test_numbers_go_on(tmp_path: Path) -> None:
    assert build(tmp_path) == "0001-abababab"
    assert build(tmp_path) == "0002-abababab"
    assert (tmp_path / "0002-abababab" / "model" / "file").read_text() == "x"
    assert not list(tmp_path.glob(".building-*"))


def test_a_failed_build_leaves_nothing(tmp_path: Path) -> None:
    def fail() -> None:
        with building(tmp_path) as directory:
            (directory / "file").write_text("x")
            raise RuntimeError("crash")

    with pytest.raises(RuntimeError, match="crash"):
        fail()
    assert list_versions(tmp_path) == []
    assert not list(tmp_path.glob(".building-*"))


def test_what_a_killed_builder_left_goes_and_a_living_one_s_stays(tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path\n"
        "from retrieval.bundle.versions import building\n"
        "with building(Path(sys.argv[1])) as directory:\n"
        "    (directory / 'half').write_text('x')\n"
        "    print(directory.name, flush=True)\n"
        "    time.sleep(600)\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as builder:
        assert builder.stdout is not None
        left = tmp_path / builder.stdout.readline().strip()
        assert build(tmp_path) == "0001-abababab"
        assert (left / "half").exists()
        os.kill(builder.pid, signal.SIGKILL)
        builder.wait()
    assert (left / "half").exists()
    assert build(tmp_path) == "0002-abababab"
    assert not left.exists()


def test_builders_at_the_same_time_get_versions_of_their_own(tmp_path: Path) -> None:
    found: list[str] = []
    builders = [threading.Thread(target=lambda: found.append(build(tmp_path))) for _ in range(8)]
    for builder in builders:
        builder.start()
    for builder in builders:
        builder.join()
    assert sorted(found) == list_versions(tmp_path) == [f"{i:04d}-abababab" for i in range(1, 9)]


def test_a_version_is_removed_but_never_the_live_one(tmp_path: Path) -> None:
    first, second = build(tmp_path), build(tmp_path)
    publish(tmp_path, first)
    with pytest.raises(BundleError, match=f"bundle {first} is live"):
        remove_version(tmp_path, first)
    remove_version(tmp_path, second)
    assert list_versions(tmp_path) == [first]
    assert not list(tmp_path.glob(".building-*"))
    with pytest.raises(NoBundle):
        remove_version(tmp_path, second)


def test_the_newest_and_the_live_one_are_kept(tmp_path: Path) -> None:
    versions = [build(tmp_path) for _ in range(5)]
    publish(tmp_path, versions[1])
    assert keep_newest(tmp_path, 2) == [versions[0], versions[2]]
    assert list_versions(tmp_path) == [versions[1], *versions[3:]]
    with pytest.raises(BundleError, match="keep at least 1"):
        keep_newest(tmp_path, 0)
