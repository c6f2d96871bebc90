"""The bundles directory: names of versions, which one is live, and who is writing."""

import contextlib
import fcntl
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from retrieval.bundle.checked import forget
from retrieval.errors import BundleError, BundleLive, NoBundle
from retrieval.store.files import sync, write_atomically

__all__ = [
    "CURRENT",
    "building",
    "current_version",
    "install",
    "keep_newest",
    "list_versions",
    "next_version",
    "previous_version",
    "publish",
    "remove_version",
    "version_directory",
]

CURRENT = "CURRENT"
_VERSION = re.compile(r"(\d{4,})-[0-9a-f]{8}")
_BUILDING = ".building-"


def list_versions(bundles: Path) -> list[str]:
    """Return the versions in a bundles directory, oldest first."""
    if not bundles.is_dir():
        return []
    names = [path.name for path in bundles.iterdir() if path.is_dir()]
    return sorted((name for name in names if _VERSION.fullmatch(name)), key=_age)


def current_version(bundles: Path) -> str:
    """Return the live version.

    Raises:
        NoBundle: none is published, or the one that is does not exist.
    """
    try:
        version = (bundles / CURRENT).read_text(encoding="utf-8").strip()
    except (FileNotFoundError, NotADirectoryError):
        raise NoBundle(f"no bundle is published in {bundles}; run `showtell index` first") from None
    except (OSError, UnicodeDecodeError) as error:
        raise BundleError(f"{bundles / CURRENT} cannot be read ({error})") from None
    version_directory(bundles, version)
    return version


def previous_version(bundles: Path, version: str) -> str:
    """Return the newest version that is older than `version`.

    Raises:
        NoBundle: there is none.
    """
    if not _VERSION.fullmatch(version):
        raise NoBundle(f"{version[:64]!r} is not a version of a bundle")
    older = [name for name in list_versions(bundles) if _age(name) < _age(version)]
    if not older:
        raise NoBundle(f"there is no bundle older than {version} in {bundles}")
    return older[-1]


def publish(bundles: Path, version: str) -> None:
    """Make a version the live one, atomically and durably.

    Raises:
        NoBundle: there is no such version.
    """
    version_directory(bundles, version)
    write_atomically(bundles / CURRENT, version + "\n")


def version_directory(bundles: Path, version: str) -> Path:
    """Return the directory of a version.

    Raises:
        NoBundle: there is no such version.
    """
    known = list_versions(bundles)
    if version not in known:
        raise NoBundle(
            f"there is no bundle {version[:64]!r} in {bundles}; "
            f"there are: {', '.join(known[-10:]) or 'none'}"
        )
    return bundles / version


def remove_version(bundles: Path, version: str) -> None:
    """Remove a version that is not the live one.

    Weights that it shares with other versions stay in those: they are links.

    Raises:
        NoBundle: there is no such version.
        BundleLive: it is the live one.
    """
    directory = version_directory(bundles, version)
    with _locked(bundles):
        if version == _published(bundles):
            raise BundleLive(
                f"bundle {version} is live; publish another one first (`showtell index`, or "
                "`showtell reload`)"
            )
        # Renamed first: a half-removed version would be taken for a damaged one.
        doomed = directory.rename(bundles / f"{_BUILDING}{secrets.token_hex(6)}")
        forget(directory)
    shutil.rmtree(doomed)


def keep_newest(bundles: Path, count: int) -> list[str]:
    """Remove all versions but the newest and the live one; return those that were removed.

    Args:
        bundles: the bundles directory.
        count: how many of the newest stay, at least 1; the live one stays whatever its age.

    Raises:
        BundleError: `count` is below 1.
    """
    if count < 1:
        raise BundleError(f"{count} bundles are to be kept; keep at least 1")
    live = _published(bundles)
    removed = [version for version in list_versions(bundles)[:-count] if version != live]
    for version in removed:
        remove_version(bundles, version)
    return removed


@contextlib.contextmanager
def building(bundles: Path) -> Iterator[Path]:
    """Give a new directory in which the next bundle is built; `install` makes it one.

    What is left there at the end is removed. What a killed builder left is removed too: the lock
    that it held on its directory went with it. Others may build at the same time.
    """
    bundles.mkdir(parents=True, exist_ok=True)
    with _locked(bundles):
        for path in bundles.glob(f"{_BUILDING}*"):
            with _lock_if_free(path) as stale:
                if stale:
                    shutil.rmtree(path)
        directory = bundles / f"{_BUILDING}{secrets.token_hex(6)}"
        directory.mkdir()
        descriptor = os.open(directory, os.O_RDONLY)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        yield directory
    finally:
        os.close(descriptor)
        shutil.rmtree(directory, ignore_errors=True)


@contextlib.contextmanager
def next_version(bundles: Path, content: str) -> Iterator[str]:
    """Reserve the next version's name, for as long as the context lasts.

    Args:
        bundles: the bundles directory.
        content: a sha256 in hex of what the bundle holds.
    """
    with _locked(bundles):
        ages = [_age(name)[0] for name in list_versions(bundles)]
        yield f"{max(ages, default=0) + 1:04d}-{content[:8]}"


def install(directory: Path, version: str) -> None:
    """Turn a finished directory from `building` into a version, durably."""
    for path in directory.rglob("*"):
        sync(path)
    sync(directory)
    directory.rename(directory.with_name(version))
    sync(directory.parent)


def _published(bundles: Path) -> str | None:
    """Return the version that CURRENT names; None where it names none."""
    try:
        return current_version(bundles)
    except BundleError:
        return None


def _age(version: str) -> tuple[int, str]:
    return int(version.split("-")[0]), version


@contextlib.contextmanager
def _locked(bundles: Path) -> Iterator[None]:
    """Hold the directory's one lock; only for short steps."""
    with (bundles / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def _lock_if_free(directory: Path) -> Iterator[bool]:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        yield False
    else:
        yield True
    finally:
        os.close(descriptor)
