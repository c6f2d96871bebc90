"""manifest.json: what a bundle is made of, so that a damaged one is told before it is served."""

import json
from collections.abc import Iterator
from datetime import datetime
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from retrieval.errors import BundleRefused
from retrieval.search.confidence import Confidence
from retrieval.search.cosines import Cosines
from retrieval.search.query_bank import REQUESTS
from retrieval.store.files import sha256_of, write_atomically

__all__ = [
    "MANIFEST",
    "MODEL",
    "REQUESTS",
    "SCENES",
    "STORE",
    "FileRecord",
    "Manifest",
    "check_files",
    "record_files",
    "versions_in_use",
]

MANIFEST = "manifest.json"
FORMAT = 2
"""Raised when an older program could no longer read what is written, or this one what was."""

MODEL = "model"
STORE = "store"
SCENES = "scenes"


class FileRecord(BaseModel):
    """One file of a bundle: sha256 of its bytes in hex, and how many they are."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    size: int = Field(ge=0)


class Manifest(BaseModel):
    """What a bundle says of itself.

    Attributes:
        format: of the bundle directory.
        version: the bundle's own name.
        created: when it was built.
        files: every file but the manifest, by its path below the bundle, with forward slashes.
        dimension: of the vectors.
        count: number of pictures.
        model_name: what people call the model.
        model_fingerprint: same fingerprint, same vectors.
        attribution: who made the pictures, as they want to be named; may be empty.
        confidence: when an answer counts as fitting.
        cosines: what the model's cosines mean in this gallery.
        examples: what to ask it for.
        skipped: how many candidates could not be read.
        versions: of the packages it was built with.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())

    format: Literal[2] = 2
    version: str
    created: datetime
    files: dict[str, FileRecord]
    dimension: int = Field(ge=1)
    count: int = Field(ge=1)
    model_name: str
    model_fingerprint: str
    attribution: str = ""
    confidence: Confidence
    cosines: Cosines
    examples: list[str] = []
    skipped: int = Field(default=0, ge=0)
    versions: dict[str, str] = {}

    @field_validator("files")
    @classmethod
    def _stay_inside(cls, files: dict[str, FileRecord]) -> dict[str, FileRecord]:
        for name in files:
            path = PurePosixPath(name)
            if path.is_absolute() or "\\" in name or str(path) != name or ".." in path.parts:
                raise ValueError(f"the file name {name!r} leaves the bundle")
        return files

    def write(self, bundle: Path) -> None:
        """Write the manifest into its bundle directory."""
        write_atomically(bundle / MANIFEST, self.model_dump_json(indent=2) + "\n")

    @classmethod
    def read(cls, bundle: Path) -> "Manifest":
        """Read the manifest of a bundle directory.

        Raises:
            BundleRefused: it is missing, unreadable, or says what cannot be.
        """
        try:
            text = (bundle / MANIFEST).read_text(encoding="utf-8")
        except FileNotFoundError:
            raise BundleRefused(bundle.name, f"{MANIFEST} is missing") from None
        except (OSError, UnicodeDecodeError) as error:
            raise BundleRefused(bundle.name, f"{MANIFEST} cannot be read ({error})") from None
        _check_format(bundle.name, text)
        try:
            manifest = cls.model_validate_json(text)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "the whole"
            raise BundleRefused(
                bundle.name, f"{MANIFEST} is not valid: {where}: {first['msg']}"
            ) from None
        if manifest.version != bundle.name:
            raise BundleRefused(
                bundle.name, f"{MANIFEST} is that of version {manifest.version[:64]!r}"
            )
        return manifest


def record_files(bundle: Path) -> dict[str, FileRecord]:
    """Return the records of all files in a bundle directory."""
    return {
        path.relative_to(bundle).as_posix(): FileRecord(
            sha256=sha256_of(path), size=path.stat().st_size
        )
        for path in sorted(_files(bundle))
    }


def check_files(bundle: Path, manifest: Manifest, *, hashes: bool = True) -> None:
    """Compare a bundle's files with its manifest.

    Args:
        bundle: the bundle directory.
        manifest: what it says.
        hashes: False compares names and sizes only.

    Raises:
        BundleRefused: a file is missing, added, of another size or of another hash.
    """
    found = {path.relative_to(bundle).as_posix() for path in _files(bundle)} - {MANIFEST}
    for name, record in manifest.files.items():
        path = bundle / name
        if name not in found or path.is_symlink():
            raise BundleRefused(bundle.name, f"the file {name} is missing")
        size = path.stat().st_size
        if size != record.size:
            raise BundleRefused(
                bundle.name, f"the file {name} has {size} bytes, not the {record.size} it had"
            )
        if hashes and (actual := sha256_of(path)) != record.sha256:
            raise BundleRefused(
                bundle.name, f"the file {name} has sha256 {actual}, not {record.sha256}"
            )
    added = found - manifest.files.keys()
    if added:
        raise BundleRefused(bundle.name, f"the file {min(added)} was added to it")


def _check_format(version: str, text: str) -> None:
    """Raise BundleRefused where a manifest says that it has another format than this one."""
    try:
        found = json.loads(text)
    except ValueError:
        return  # pydantic says what is wrong with it
    written = found.get("format") if isinstance(found, dict) else FORMAT
    if isinstance(written, int) and written != FORMAT:
        who = "an earlier" if written < FORMAT else "a later"
        raise BundleRefused(
            version,
            f"{who} version of Showtell wrote it (format {written}, this one reads {FORMAT}); "
            "make it anew: showtell index FOLDER",
        )


def versions_in_use() -> dict[str, str]:
    """Return the versions of what decides how a bundle is written and read."""
    packages = ("showtell", "faiss-cpu", "onnxruntime", "sentence-transformers", "torch")
    return {package: version(package) for package in packages}


def _files(bundle: Path) -> Iterator[Path]:
    return (path for path in bundle.rglob("*") if path.is_file() or path.is_symlink())
