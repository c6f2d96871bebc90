"""What `showtell index` does: pictures from a folder or a data set into a published bundle."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bot.errors import BotError
from bot.workbench.console import Report, say

if TYPE_CHECKING:
    from embedding.data.pairs import Pairs
    from embedding.data.remote import Root
    from embedding.model.encoder import Encoder
    from retrieval.bundle.build import BuildReport
    from retrieval.bundle.catalog import Catalog
    from retrieval.bundle.collector import EncodePictures
    from retrieval.bundle.sources import Candidate
    from retrieval.postgres.shards import ShardReport


class IndexingRefused(BotError):
    """What was asked to be indexed is not there, or is not what it was said to be."""

    exit_code = 2


def default_model() -> tuple[str, str]:
    """Return the name of the model that is used if none is given, and what it was trained on.

    Raises:
        ModelError: it is not in this installation.
    """
    from embedding.packages import PHOTOS
    from embedding.pretrained.shipped import describe_shipped

    return PHOTOS, describe_shipped(PHOTOS)


def index_images(
    images: str,
    captions: Path | None,
    model: str,
    catalog: Catalog,
    cache_dir: Path,
    *,
    progress: Report,
) -> BuildReport:
    """Encode pictures, write the next version of the gallery, and publish it.

    Args:
        images: a folder, also at s3://, gs:// or https://, or a data set as `KIND:PATH`.
        captions: captions for the folder, or None for those that lie beside the pictures.
        model: a model directory, a run of `showtell train`, a shipped name, or a hub name.
        catalog: of the gallery.
        cache_dir: where training keeps image features.
        progress: told how far each step is.

    Raises:
        IndexingRefused: no such folder, or captions were given for a data set that has its own.
    """
    with _opened(images, captions, model, cache_dir, progress) as work:
        report = catalog.build(
            work.candidates,
            root=work.root,
            model_dir=work.model_dir,
            encoder=work.encoder,
            encode_pictures=work.encode_pictures,
            attribution=work.pairs.attribution,
            progress=progress,
        )
    if isinstance(work.root, Path) and not work.root.is_dir():
        raise IndexingRefused(
            f"the folder {images!r} was removed while it was indexed; {report.version} is built, "
            "and not live"
        )
    catalog.publish(report.version)
    return replace(report, skipped=[*work.pairs.skipped, *report.skipped])


def index_shard(
    images: str,
    captions: Path | None,
    model: str,
    catalog: Catalog,
    cache_dir: Path,
    shard: str,
    *,
    progress: Report,
) -> ShardReport:
    """Encode a share of the pictures, for `index_images` to take it; its arguments, and one more.

    Args:
        images: a folder, or a data set as `KIND:PATH`.
        captions: captions for the folder.
        model: as there.
        catalog: of the gallery.
        cache_dir: as there.
        shard: which share, as 3/16.
        progress: told how far each step is.

    Raises:
        IndexingRefused: as there; or the share cannot be, or the gallery is in no database.
    """
    from retrieval.postgres.catalog import PostgresCatalog
    from retrieval.postgres.shards import Shard

    parts = re.fullmatch(r"(\d+)/(\d+)", shard)
    number, of = map(int, parts.groups()) if parts else (0, 0)
    if not 1 <= number <= of:
        raise IndexingRefused(f"--shard is {shard!r}; write which share of how many, such as 3/16")
    if not isinstance(catalog, PostgresCatalog):
        raise IndexingRefused(
            f"--shard {shard} goes with --store: shares are put together in a database"
        )
    with _opened(images, captions, model, cache_dir, progress) as work:
        return catalog.encode_shard(
            work.candidates,
            Shard(number, of),
            root=work.root,
            encoder=work.encoder,
            encode_pictures=work.encode_pictures,
            progress=progress,
        )


@dataclass(frozen=True)
class _Work:
    """What is to be indexed, and the model."""

    pairs: Pairs
    candidates: list[Candidate]
    root: Root
    model_dir: Path
    encoder: Encoder
    encode_pictures: EncodePictures


@contextmanager
def _opened(
    images: str, captions: Path | None, model: str, cache_dir: Path, progress: Report
) -> Iterator[_Work]:
    """Open the pictures and the model, as `index_images` is told them."""
    from embedding.model.feature_cache import cached_pictures
    from embedding.onnx.encoder import all_cores, load_encoder
    from embedding.pretrained.names import find_exported
    from retrieval.bundle.sources import candidates_from_pairs

    pairs, root = _pictures(images, captions, progress)
    for sentence in pairs.notes:
        say(sentence)
    model_dir = find_exported(model, say=say)
    encoder = load_encoder(model_dir, threads=all_cores())
    with cached_pictures(encoder, cache_dir) as encode_pictures, warnings.catch_warnings():
        # Pillow's remarks on damaged EXIF data; a picture that cannot be used is named below.
        warnings.filterwarnings("ignore", module=r"PIL\.")
        candidates = candidates_from_pairs(pairs)
        yield _Work(pairs, candidates, root, model_dir, encoder, encode_pictures)


def _pictures(images: str, captions: Path | None, progress: Report) -> tuple[Pairs, Root]:
    """Return the data set and the folder that its pictures lie in."""
    from embedding.data.pairs import load_folder, load_pairs
    from embedding.data.remote import RemoteFolder, is_remote

    if is_remote(images):
        remote = RemoteFolder(images)
        return load_folder(remote, captions), remote
    folder = Path(images)
    if folder.is_dir():
        # What is served lies below the folder that the link leads to, if it is one.
        folder = folder.resolve()
        return load_folder(folder, captions), folder
    if not re.match(r"[a-z0-9]+:", images):
        raise IndexingRefused(f"there is no folder {images!r}; give a folder, or KIND:PATH")
    if captions is not None:
        raise IndexingRefused(
            f"--captions goes with a folder; the data set {images!r} has captions of its own"
        )
    pairs = load_pairs(images, progress=progress)
    if not pairs.image_paths:
        raise IndexingRefused(f"the data set {images!r} has no picture files to show")
    paths = [path for path in pairs.image_paths if isinstance(path, Path)]
    if not paths:
        raise IndexingRefused(
            f"the data set {images!r} keeps its pictures in tar files, and a gallery shows files; "
            "unpack them into a folder and index that"
        )
    folders = {str(path.parent.resolve()) for path in paths}
    return pairs, Path(os.path.commonpath(sorted(folders)))
