"""Data sets, whatever their form, as pairs of images and captions.

``load_pairs("KIND:PATH")`` is the one way in: flickr8k, flickr30k, karpathy, csv, jsonl, folder,
webdataset, features or openmoji.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from embedding.data import layouts
from embedding.data.captions import Row, Skipped, read_captions
from embedding.data.decode import IMAGE_SUFFIXES, ImageFile
from embedding.data.features import read_features
from embedding.data.folder import read_folder
from embedding.data.folds import FRACTIONS, split_by_hash, split_name
from embedding.data.names import caption_from_name
from embedding.data.remote import Root
from embedding.data.webdataset import read_webdataset
from embedding.errors import DataError
from embedding.progress import Progress, silent

__all__ = [
    "KINDS",
    "Pairs",
    "Skipped",
    "caption_from_name",
    "kind_of",
    "load_folder",
    "load_pairs",
    "read_captions",
]

_READERS = {
    "flickr8k": layouts.read_flickr8k,
    "flickr30k": layouts.read_flickr30k,
    "karpathy": layouts.read_karpathy,
    "csv": layouts.read_csv,
    "jsonl": layouts.read_jsonl,
    "folder": read_folder,
}
KINDS = (*_READERS, "webdataset", "features", "openmoji")


@dataclass(frozen=True, eq=False)
class Pairs:
    """Images and their captions, any number of captions an image.

    Attributes:
        name: the data set's specification.
        image_ids: one stable, unique id an image.
        captions: all captions.
        caption_to_image: (n_captions,) the image index of each caption.
        image_paths: one file an image, or place in a larger file, or None where there are only
            features.
        features: (n_images, d) precomputed image vectors, or None.
        metadata: what else is known about each image.
        skipped: what was left out, and why.
        notes: sentences about how it was read, for the person who gave it.
        attribution: what must be shown with the pictures.
    """

    name: str
    image_ids: list[str]
    captions: list[str]
    caption_to_image: NDArray[np.int64]
    image_paths: Sequence[ImageFile] | None = None
    features: NDArray[np.float32] | None = None
    metadata: list[dict[str, str]] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    attribution: str = ""

    def __post_init__(self) -> None:
        n = len(self.image_ids)
        if len(self.caption_to_image) != len(self.captions):
            raise DataError(
                f"{self.name}: {len(self.captions)} captions but "
                f"{len(self.caption_to_image)} image indices"
            )
        if (
            len(self.captions)
            and not 0 <= self.caption_to_image.min() <= (self.caption_to_image.max()) < n
        ):
            raise DataError(f"{self.name}: a caption belongs to none of the {n} images")
        for part in (self.image_paths, self.features, self.metadata or None):
            if part is not None and len(part) != n:
                raise DataError(f"{self.name}: {len(part)} entries for {n} images")

    def captions_by_image(self) -> list[list[str]]:
        """Return the captions of each image, in their order."""
        captions: list[list[str]] = [[] for _ in self.image_ids]
        for text, image in zip(self.captions, self.caption_to_image.tolist(), strict=True):
            captions[image].append(text)
        return captions

    def subset(self, image_indices: Sequence[int] | NDArray[np.int64]) -> "Pairs":
        """Return some of the images, in the order given, with their captions."""
        kept = [int(i) for i in image_indices]
        place = {image: new for new, image in enumerate(kept)}
        rows = [r for r, i in enumerate(self.caption_to_image.tolist()) if i in place]
        # Captions keep their own order within the new order of the images.
        rows.sort(key=lambda r: place[int(self.caption_to_image[r])])
        return Pairs(
            name=self.name,
            image_ids=[self.image_ids[i] for i in kept],
            captions=[self.captions[r] for r in rows],
            caption_to_image=np.array(
                [place[int(self.caption_to_image[r])] for r in rows], dtype=np.int64
            ),
            image_paths=self.image_paths and [self.image_paths[i] for i in kept],
            features=None if self.features is None else self.features[kept],
            metadata=[self.metadata[i] for i in kept] if self.metadata else [],
            skipped=self.skipped,
            notes=self.notes,
            attribution=self.attribution,
        )

    def fingerprint(self) -> str:
        """Return 16 hex digits that change with any id, caption, assignment or feature."""
        digest = hashlib.sha256()
        for text in (*self.image_ids, "\0", *self.captions):
            digest.update(text.encode("utf-8", "surrogateescape") + b"\n")
        digest.update(self.caption_to_image.tobytes())
        if self.features is not None:
            digest.update(np.ascontiguousarray(self.features).data)
        return digest.hexdigest()[:16]


def kind_of(spec: str) -> str:
    """Return the kind of a data set that is given as ``KIND:PATH``.

    Raises:
        DataError: there is no such kind.
    """
    kind, colon, _ = spec.partition(":")
    if not colon or kind not in KINDS:
        raise DataError(f"the data set is given as {spec!r}; write KIND:PATH, KIND one of {KINDS}")
    return kind


def load_pairs(
    spec: str,
    split: str | None = None,
    *,
    cache_dir: Path | None = None,
    progress: Progress | None = None,
    fractions: tuple[float, float, float] = FRACTIONS,
) -> Pairs:
    """Return a data set, or one split of it.

    Args:
        spec: ``KIND:PATH``; for openmoji, PATH is the folder where the rendered pictures are kept
            (``openmoji:`` alone means ``cache_dir``), for webdataset a folder of shards or a
            pattern such as ``shards/{000..099}.tar``. Kinds that list pictures by name take
            folders to look in behind it, as a search path:
            ``karpathy:dataset_coco.json:/data/coco``.
        split: train, dev (or val), test, or None for everything. Data sets without an official
            split are divided by a hash of each image's id.
        cache_dir: where what is made from packages may be kept.
        progress: told about rendering.
        fractions: shares of train, dev and test where there is no official split.

    Raises:
        DataError: the kind is unknown, files are missing, or nothing usable is left.
    """
    kind = kind_of(spec)
    location = spec.removeprefix(f"{kind}:")
    wanted = None if split is None else split_name(split)
    path = Path(location).expanduser() if location else cache_dir
    if path is None:
        raise DataError(f"{spec!r} names no place; write {kind}:PATH")
    if kind == "features":
        pairs = _with_features(spec, path)
        official: list[str] = []
    else:
        if kind == "openmoji":
            table = _openmoji().render_openmoji(path, progress or silent)
        elif kind == "webdataset":
            table = read_webdataset(location)
        else:
            path, *folders = layouts.search_path(location, spec)
            table = _READERS[kind](path)
            table.roots += folders
        pairs, official = _from_table(spec, table)
        if kind == "openmoji":
            pairs = Pairs(**{**vars(pairs), "attribution": _openmoji().ATTRIBUTION})
    if wanted is not None:
        if any(official):
            kept = [i for i, name in enumerate(official) if name == wanted]
        else:
            kept = split_by_hash(pairs.image_ids, wanted, fractions)
        pairs = pairs.subset(kept)
    if not pairs.image_ids:
        which = f" in the split {split!r}" if split else ""
        why = "; ".join(f"{s.what}: {s.why}" for s in pairs.skipped[:3])
        raise DataError(f"{spec} has no usable pictures{which}" + (f" ({why})" if why else ""))
    return pairs


def load_folder(folder: Root, captions: Path | None = None) -> Pairs:
    """Return every picture under a folder, hidden ones left out.

    Args:
        folder: where they lie, at any depth; of this machine or of another.
        captions: a caption file (see ``read_captions``); None looks for one in the folder. A
            picture that has none is captioned by its file name where that says something.

    Raises:
        DataError: there is no such folder or caption file, or no picture in it.
    """
    spec = f"folder:{folder}"
    pairs, _ = _from_table(spec, read_folder(folder, captions))
    if not pairs.image_ids:
        why = [*pairs.notes, *(f"{item.what}: {item.why}" for item in pairs.skipped[:3])]
        raise DataError(
            f"{folder} holds no pictures ({', '.join(IMAGE_SUFFIXES)})"
            + "".join(f"; {sentence}" for sentence in why)
        )
    return pairs


def _from_table(name: str, table: layouts.Table) -> tuple[Pairs, list[str]]:
    """Group rows by picture; return the pairs and each picture's official split or ""."""
    skipped = list(table.skipped)
    place: dict[str, int] = {}
    missing: set[str] = set()
    paths: list[ImageFile] = []
    metadata: list[dict[str, str]] = []
    splits: list[str] = []
    captions: list[str] = []
    caption_to_image: list[int] = []
    for row in table.rows:
        if row.file in missing:
            continue
        if row.file not in place:
            try:
                path = table.find(row.file)
            except DataError as error:
                missing.add(row.file)
                skipped.append(Skipped(row.file, str(error)))
                continue
            place[row.file] = len(paths)
            paths.append(path)
            metadata.append({})
            splits.append(_known_split(row, skipped))
        image = place[row.file]
        metadata[image].update(row.metadata)
        if row.caption:
            captions.append(row.caption)
            caption_to_image.append(image)
    pairs = Pairs(
        name=name,
        image_ids=list(place),
        captions=captions,
        caption_to_image=np.array(caption_to_image, dtype=np.int64),
        image_paths=paths,
        metadata=metadata,
        skipped=skipped,
        notes=table.notes,
    )
    return pairs, splits


def _known_split(row: Row, skipped: list[Skipped]) -> str:
    """Return a row's split, or "" where it names none; a picture without one is in no part."""
    if not row.split:
        return ""
    try:
        return split_name(row.split.strip().lower())
    except DataError as error:
        skipped.append(Skipped(row.file, f"{error}; it is in no part"))
        return ""


def _openmoji() -> ModuleType:
    """Return the module that draws the demo's pictures; it needs packages that few others need."""
    try:
        from embedding.data import openmoji
    except ModuleNotFoundError as error:
        raise DataError(
            f"the demo's pictures need the package {error.name}: pip install 'showtell[demo]'"
        ) from None
    return openmoji


def _with_features(name: str, path: Path) -> Pairs:
    ids, captions, owners, features, skipped = read_features(path)
    return Pairs(
        name=name,
        image_ids=ids,
        captions=captions,
        caption_to_image=owners,
        features=features,
        metadata=[{} for _ in ids],
        skipped=skipped,
    )
