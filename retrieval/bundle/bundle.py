"""A bundle: one immutable, versioned directory with a model, an index and a gallery.

BUNDLES/<version>/ holds manifest.json, model/, index.faiss, gallery.sqlite and, where there are
captions, captions.faiss, and requests.npz where typical requests are known; BUNDLES/CURRENT names
the live version. Building is in build.py, the directory's rules are in versions.py.
"""

from pathlib import Path
from types import TracebackType
from typing import Self

from embedding.errors import EmbeddingError
from embedding.model.joint import JointEmbedding
from retrieval.bundle.build import BuildReport, build_bundle
from retrieval.bundle.manifest import (
    GALLERY,
    INDEX,
    MEANINGS,
    MODEL,
    REQUESTS,
    Manifest,
    check_files,
)
from retrieval.bundle.sources import Candidate, candidates_from_pairs
from retrieval.bundle.versions import (
    current_version,
    list_versions,
    previous_version,
    publish,
    version_directory,
)
from retrieval.errors import BundleRefused, RetrievalError
from retrieval.search.query_bank import TypicalRequests
from retrieval.search.searcher import Searcher
from retrieval.store.faiss_index import FaissIndex, VectorIndex
from retrieval.store.gallery import Gallery

__all__ = [
    "BuildReport",
    "Bundle",
    "Candidate",
    "Manifest",
    "build_bundle",
    "candidates_from_pairs",
    "current_version",
    "list_versions",
    "previous_version",
    "publish",
]


class Bundle:
    """An open bundle; `close` it, or use it as a context manager.

    Attributes:
        version: its name.
        manifest: what it says of itself.
        model: encodes texts and uploads.
        index: over the gallery's rows.
        gallery: its pictures.
        meanings: over the captions' vectors, by row; None where there are no captions.
        requests: typical ones; None where none are known.
        searcher: searches it, with captions.
    """

    def __init__(
        self,
        manifest: Manifest,
        model: JointEmbedding,
        index: VectorIndex,
        gallery: Gallery,
        meanings: VectorIndex | None = None,
        requests: TypicalRequests | None = None,
    ) -> None:
        self.version = manifest.version
        self.manifest = manifest
        self.model = model
        self.index = index
        self.gallery = gallery
        self.meanings = meanings
        self.requests = requests
        self.searcher = Searcher(
            model,
            index,
            gallery,
            meanings=meanings,
            requests=requests,
            threshold=manifest.confidence.threshold,
        )

    @classmethod
    def open(
        cls,
        bundles: Path,
        version: str | None = None,
        *,
        verify: bool = True,
        root: Path | None = None,
    ) -> Self:
        """Open a bundle after checking that it is what its manifest says.

        Args:
            bundles: the bundles directory.
            version: which one; None means the live one.
            verify: False leaves out the hashes of files and model (sizes, dimension and count
                are always compared).
            root: where its pictures lie now, if not where they lay when it was built.

        Raises:
            NoBundle: there is none of that version, or none is live.
            BundleRefused: it is damaged or contradicts itself.
        """
        version = version or current_version(bundles)
        directory = version_directory(bundles, version)
        manifest = Manifest.read(directory)
        check_files(directory, manifest, hashes=verify)
        try:
            index = FaissIndex.load(directory / INDEX)
            told = MEANINGS in manifest.files
            meanings = FaissIndex.load(directory / MEANINGS) if told else None
            asked = REQUESTS in manifest.files
            requests = TypicalRequests.load(directory / REQUESTS) if asked else None
            model = JointEmbedding.load(directory / MODEL)
            gallery = Gallery.open(directory / GALLERY, root)
        except (RetrievalError, EmbeddingError) as error:
            raise BundleRefused(version, str(error)) from error
        try:
            _check_parts(manifest, model, index, gallery, meanings, requests, fingerprint=verify)
        except BundleRefused:
            gallery.close()
            raise
        return cls(manifest, model, index, gallery, meanings, requests)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the gallery's file; what is being read is finished first."""
        self.gallery.close()


def _check_parts(
    manifest: Manifest,
    model: JointEmbedding,
    index: VectorIndex,
    gallery: Gallery,
    meanings: VectorIndex | None,
    requests: TypicalRequests | None,
    *,
    fingerprint: bool,
) -> None:
    """Raise BundleRefused unless the parts agree with the manifest and with each other."""
    for what, found, expected in (
        ("dimension of the model", model.dimension, manifest.dimension),
        ("dimension of the index", index.dimension, manifest.dimension),
        ("number of vectors in the index", len(index), manifest.count),
        ("dimension of the captions", _dimension(meanings, manifest), manifest.dimension),
        ("number of pictures in the gallery", len(gallery), manifest.count),
        ("shape of the requests", *_shapes(requests, manifest)),
    ):
        if found != expected:
            raise BundleRefused(
                manifest.version, f"the {what} is {found}, the manifest says {expected}"
            )
    if index.ids.tolist() != list(range(manifest.count)):
        raise BundleRefused(manifest.version, "the ids of the index are not the gallery's rows")
    if meanings is not None and not set(meanings.ids.tolist()) <= set(index.ids.tolist()):
        raise BundleRefused(manifest.version, "the captions' ids are not the gallery's rows")
    if fingerprint and model.fingerprint != manifest.model_fingerprint:
        raise BundleRefused(
            manifest.version,
            f"the model has fingerprint {model.fingerprint}, "
            f"the manifest says {manifest.model_fingerprint}",
        )


def _dimension(meanings: VectorIndex | None, manifest: Manifest) -> int:
    return manifest.dimension if meanings is None else meanings.dimension


def _shapes(
    requests: TypicalRequests | None, manifest: Manifest
) -> tuple[tuple[object, ...], tuple[object, ...]]:
    """Return the shapes of the requests' parts as they are and as they must be."""
    if requests is None:
        return (), ()
    found = (requests.bank.vectors.shape[1], requests.nearness.shape)
    return found, (manifest.dimension, (manifest.count,))
