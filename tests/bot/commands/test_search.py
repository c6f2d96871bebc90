"""One search from the command line."""

from __future__ import annotations

import shutil
from pathlib import Path

from bot.commands.search import search_once
from retrieval.bundle.bundle import build_bundle, publish
from retrieval.bundle.catalog import BundleCatalog
from tests.fixtures.bundles import shape_candidates


def test_a_picture_that_was_deleted_is_told(
    shapes_dir: Path, shapes_model_dir: Path, tmp_path: Path
) -> None:
    root = Path(shutil.copytree(shapes_dir, tmp_path / "shapes"))
    bundles = tmp_path / "bundles"
    stars = [one for one in shape_candidates(root) if "-star-" in one.path.name]
    report = build_bundle(stars, root=root, model_dir=shapes_model_dir, bundles=bundles)
    publish(bundles, report.version)
    for variant in range(3):
        (root / f"red-star-{variant}.png").unlink()
    rows, confident = search_once("a red star", BundleCatalog(bundles), 4)
    assert confident
    files = [row["file"] for row in rows]
    assert files[0].startswith("red-star-")
    assert files[0].endswith(" (gone; index again)")
    assert Path(files[-1]).is_file()
