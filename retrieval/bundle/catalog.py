"""The versions of one gallery, wherever they lie: what is listed, opened, published, removed."""

from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from embedding.data.remote import Root
from embedding.model.encoder import Encoder
from embedding.progress import Progress, silent
from retrieval.bundle import versions
from retrieval.bundle.build import BuildReport, build_bundle
from retrieval.bundle.bundle import Bundle
from retrieval.bundle.checked import remember
from retrieval.bundle.collector import EncodePictures
from retrieval.bundle.manifest import Manifest, check_files
from retrieval.bundle.overview import VersionInfo, describe_versions
from retrieval.bundle.previous import Previous
from retrieval.bundle.sources import Candidate

__all__ = ["BundleCatalog", "Catalog"]


class Catalog(Protocol):
    """Names the versions of a gallery; safe to use from several threads.

    Every method may raise StoreUnavailable where a server holds the gallery.
    """

    poll_s: float
    """How often a server should look whether another version is live, in seconds, at least."""

    @property
    def name(self) -> str:
        """Where the gallery lies, for people."""

    def versions(self) -> list[str]:
        """Return all versions, oldest first."""

    def current(self) -> str:
        """Return the live version.

        Raises:
            NoBundle: none is published.
            BundleError: what is published cannot be told.
        """

    def is_named(self) -> bool:
        """Tell whether something is named as live, even if it cannot be had."""

    def previous(self, version: str) -> str:
        """Return the newest version that is older than `version`.

        Raises:
            NoBundle: there is none.
        """

    def publish(self, version: str) -> None:
        """Make a version the live one.

        Raises:
            NoBundle: there is no such version.
        """

    def remove(self, version: str) -> None:
        """Remove a version that is not the live one.

        Raises:
            NoBundle: there is no such version.
            BundleLive: it is the live one.
        """

    def keep_newest(self, count: int) -> list[str]:
        """Remove all versions but the `count` newest and the live one; return the removed.

        Raises:
            BundleError: `count` is below 1.
        """

    def describe(self) -> list[VersionInfo]:
        """Return what there is to know of each version without loading it, oldest first."""

    def open(self, version: str | None = None, *, root: Root | None = None) -> Bundle:
        """Open a version, after checking that it is sound, as far as that takes no time.

        Args:
            version: which one; None means the live one.
            root: where its pictures lie now, if not where they lay when they were indexed.

        Raises:
            NoBundle: there is none of that version, or none is live.
            BundleRefused: it cannot be served.
        """

    def check(self, version: str) -> None:
        """Read all files of a version through, which may take seconds.

        Raises:
            NoBundle: there is no such version.
            BundleRefused: one of them is damaged.
        """

    def build(
        self,
        images: Iterable[Candidate],
        *,
        root: Root,
        model_dir: Path,
        encoder: Encoder | None = None,
        encode_pictures: EncodePictures | None = None,
        previous: Previous | None = None,
        attribution: str = "",
        progress: Progress = silent,
    ) -> BuildReport:
        """Write the next version, which `publish` can then make live; see `build_bundle`."""

    def problem(self) -> str | None:
        """Return why nothing can be searched now; None where it can."""

    def close(self) -> None:
        """Close what the catalog itself holds open."""


class BundleCatalog:
    """The versions in a bundles directory; see versions.py."""

    poll_s = float("inf")

    def __init__(self, bundles: Path) -> None:
        self._bundles = bundles

    @property
    def name(self) -> str:
        """The directory."""
        return str(self._bundles)

    def versions(self) -> list[str]:
        """Return all versions, oldest first."""
        return versions.list_versions(self._bundles)

    def current(self) -> str:
        """Return the live version."""
        return versions.current_version(self._bundles)

    def is_named(self) -> bool:
        """Tell whether there is a file `CURRENT`."""
        return (self._bundles / versions.CURRENT).exists()

    def previous(self, version: str) -> str:
        """Return the newest version that is older than `version`."""
        return versions.previous_version(self._bundles, version)

    def publish(self, version: str) -> None:
        """Make a version the live one, atomically and durably."""
        versions.publish(self._bundles, version)

    def remove(self, version: str) -> None:
        """Remove a version that is not the live one."""
        versions.remove_version(self._bundles, version)

    def keep_newest(self, count: int) -> list[str]:
        """Remove all versions but the `count` newest and the live one."""
        return versions.keep_newest(self._bundles, count)

    def describe(self) -> list[VersionInfo]:
        """Return what there is to know of each version."""
        return describe_versions(self._bundles)

    def open(self, version: str | None = None, *, root: Root | None = None) -> Bundle:
        """Open a bundle: sizes and dates are compared, hashes where a date is another one."""
        return Bundle.open(self._bundles, version, trust_dates=True, root=root)

    def check(self, version: str) -> None:
        """Compare all hashes of a bundle."""
        directory = versions.version_directory(self._bundles, version)
        manifest = Manifest.read(directory)
        check_files(directory, manifest)
        remember(directory, manifest)

    def build(
        self,
        images: Iterable[Candidate],
        *,
        root: Root,
        model_dir: Path,
        encoder: Encoder | None = None,
        encode_pictures: EncodePictures | None = None,
        previous: Previous | None = None,
        attribution: str = "",
        progress: Progress = silent,
    ) -> BuildReport:
        """Write the next bundle."""
        return build_bundle(
            images,
            root=root,
            model_dir=model_dir,
            bundles=self._bundles,
            encoder=encoder,
            encode_pictures=encode_pictures,
            previous=previous,
            attribution=attribution,
            progress=progress,
        )

    def problem(self) -> str | None:
        """Return None: what was opened lies in this process."""
        return None

    def close(self) -> None:
        """Do nothing: nothing is held open."""
