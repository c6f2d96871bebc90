"""A real server over a gallery, with a Redis and a data folder of its own, and that gallery."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parents[2]
SHOWTELL = (sys.executable, "-m", "bot")
READY_S = 900  # on a busy machine the first start learns for minutes


@contextmanager
def serve(bundles: Path, data_dir: Path, images: Path | None = None) -> Iterator[str]:
    """Run the server of PYTHONPATH, or of this tree, until the block ends; give its address.

    Args:
        bundles: what is served.
        data_dir: where it keeps its Redis, and what it has learned.
        images: where the pictures lie now, if not where they were indexed.

    Raises:
        RuntimeError: it ended instead of listening.
        httpx.HTTPStatusError: it cannot serve the gallery.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    log = data_dir / "server.log"
    with log.open("w") as stderr:
        server = subprocess.Popen(
            [*SHOWTELL, "serve", "--bundles", str(bundles.resolve()), "--port", "0"],
            env=_environment(data_dir, images),
            cwd=data_dir,  # `python -m` would take the code of the folder it starts in
            stderr=stderr,
        )
    try:
        url = _address(server, log)
        # The port is taken at once; what is asked there waits until the model is loaded.
        httpx.get(f"{url}/readyz", timeout=READY_S).raise_for_status()
        yield url
    finally:
        server.terminate()
        server.wait()


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
        env=_environment(folder),
        cwd=folder,
        check=True,
    )
    return bundles


def _environment(data_dir: Path, images: Path | None = None) -> dict[str, str]:
    """Return the environment without the user's settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SHOWTELL_")}
    own = {"SHOWTELL_DATA_DIR": str(data_dir.resolve())}
    if images:
        own["SHOWTELL_IMAGES"] = str(images.resolve())
    return {"PYTHONPATH": str(ROOT), **kept, **own}


def _address(server: subprocess.Popen[bytes], log: Path) -> str:
    """Return what the server says that it listens on."""
    while server.poll() is None:
        found = re.search(r"Starting on (\S+) …", log.read_text(encoding="utf-8"))
        if found:
            return found[1]
        _wait(server)
    raise RuntimeError(f"the server ended with {server.returncode}:\n{log.read_text()}")


def _wait(server: subprocess.Popen[bytes]) -> None:
    try:
        server.wait(0.1)
    except subprocess.TimeoutExpired:
        return
