"""The gallery that the talks are about: the Flickr8k dev images with their captions."""

from __future__ import annotations

import subprocess
from pathlib import Path

from benchmarks.serving import SHOWTELL, environment


def index_dev_images(flickr8k: Path, folder: Path) -> Path:
    """Return bundles of the 1,000 dev images with their captions, by the model `photos`.

    Args:
        flickr8k: the data set.
        folder: where they are made, unless they are there.
    """
    images, bundles = folder / "images", folder / "bundles"
    if (bundles / "CURRENT").exists():
        return bundles
    images.mkdir(parents=True, exist_ok=True)
    for name in (flickr8k / "Flickr_8k.devImages.txt").read_text(encoding="utf-8").split():
        link = images / name
        if not link.exists():
            link.symlink_to((flickr8k / "images" / name).resolve())
    captions = (flickr8k / "Flickr8k.token.txt").resolve()
    subprocess.run(
        [*SHOWTELL, "index", images, "--captions", captions, "--bundles", bundles.resolve()],
        env=environment(data_dir=str(folder.resolve())),
        cwd=folder,
        check=True,
    )
    return bundles
