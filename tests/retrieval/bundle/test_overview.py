from pathlib import Path

from retrieval.bundle.overview import describe_versions
from retrieval.bundle.versions import current_version


def test_tells_what_the_manifest_says_and_what_is_wrong(bundles_copy: Path) -> None:
    version = current_version(bundles_copy)
    (bundles_copy / "0009-00000000").mkdir()
    known, broken = describe_versions(bundles_copy)
    assert (known.version, known.live, known.count, known.model) == (version, True, 90, "shapes")
    assert known.created is not None
    files = [path for path in (bundles_copy / version).rglob("*") if path.is_file()]
    assert known.size == sum(path.stat().st_size for path in files)
    assert (broken.version, broken.live, broken.size, broken.count) == (
        "0009-00000000",
        False,
        0,
        None,
    )
    assert broken.problem == "manifest.json is missing"


def test_a_folder_without_bundles_has_none(tmp_path: Path) -> None:
    assert describe_versions(tmp_path) == describe_versions(tmp_path / "nowhere") == []
