"""A bundle: one immutable, versioned directory with a model and the gallery that it encoded.

BUNDLES/<version>/ holds manifest.json, model/, store/, scenes/ and, where typical requests are
known, requests.npz; BUNDLES/CURRENT names the live version. Building is in build.py, the
directory's rules are in versions.py.
"""

from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from embedding.data.remote import Root
from embedding.languages.encoder import load_multilingual
from embedding.model.encoder import Encoder
from embedding.onnx.encoder import load_encoder
from retrieval.bundle.build import BuildReport, build_bundle
from retrieval.bundle.checked import are_as_checked, remember
from retrieval.bundle.manifest import MODEL, REQUESTS, SCENES, STORE, Manifest, check_files
from retrieval.bundle.sources import Candidate, candidates_from_pairs
from retrieval.bundle.versions import (
    current_version,
    list_versions,
    previous_version,
    publish,
    version_directory,
)
from retrieval.errors import BundleRefused
from retrieval.search.query_bank import TypicalRequests
from retrieval.search.scenes import Scenes
from retrieval.search.searcher import Searcher
from retrieval.store.embedded import open_store
from retrieval.store.protocol import Store

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
        model_dir: where its model lies.
        version: its name.
        manifest: what it says of itself.
        model_dir: of its model.
        encoder: encodes texts and uploads.
        store: its pictures.
        requests: typical ones; None where none are known.
        searcher: searches it, with captions.
    """

    def __init__(
        self,
        model_dir: Path,
        manifest: Manifest,
        encoder: Encoder,
        store: Store,
        scenes: Scenes,
        requests: TypicalRequests | None = None,
    ) -> None:
        self.model_dir = model_dir
        self.version = manifest.version
        self.manifest = manifest
        self.encoder = encoder
        self.store = store
        self.requests = requests
        self._scenes = scenes
        self.searcher = self.make_searcher()

    def make_searcher(
        self, encoder: Encoder | None = None, *, words: bool = True, meaning: bool = True
    ) -> Searcher:
        """Return a search of this gallery.

        Args:
            encoder: in the place of the bundle's own; it must give the same vectors.
            words: whether the words of captions count.
            meaning: whether what captions mean counts.
        """
        return Searcher(
            self.store,
            encoder or self.encoder,
            requests=self.requests,
            scenes=self._scenes,
            cosines=self.manifest.cosines,
            confidence=self.manifest.confidence,
            words=words,
            meaning=meaning,
        )

    def load_multilingual(self, models: Path | None = None) -> Encoder | None:
        """Return an encoder that reads texts in many languages, or None where there is none.

        Args:
            models: where what it is made of is kept; None means ``default_models_dir()``.

        Raises:
            ModelError: what it is made of is damaged.
        """
        return load_multilingual(self.model_dir, self.encoder, models)

    @classmethod
    def open(
        cls,
        bundles: Path,
        version: str | None = None,
        *,
        verify: bool = True,
        trust_dates: bool = False,
        root: Root | None = None,
    ) -> Self:
        """Open a bundle after checking that it is what its manifest says.

        Args:
            bundles: the bundles directory.
            version: which one; None means the live one.
            verify: False leaves out the hashes of files and model (sizes, dimension and count
                are always compared).
            trust_dates: leave them out where all files have the dates that they had when hashes
                were last compared.
            root: where its pictures lie now, if not where they lay when it was built.

        Raises:
            NoBundle: there is none of that version, or none is live.
            BundleRefused: it is damaged or contradicts itself.
        """
        version = version or current_version(bundles)
        directory = version_directory(bundles, version)
        try:
            return cls._open(directory, verify=verify, trust_dates=trust_dates, root=root)
        except BundleRefused:
            raise
        except Exception as error:
            # Whatever is wrong with one bundle, and whichever library finds it: the one that
            # answers now goes on, or an older one does.
            what = str(error) or "nothing more is known"
            raise BundleRefused(version, f"{what} ({type(error).__name__})") from error

    @classmethod
    def _open(cls, directory: Path, *, verify: bool, trust_dates: bool, root: Root | None) -> Self:
        manifest = Manifest.read(directory)
        hashes = verify and not (trust_dates and are_as_checked(directory, manifest))
        check_files(directory, manifest, hashes=hashes)
        if hashes:
            remember(directory, manifest)
        scenes = Scenes.load(directory / SCENES)
        known = REQUESTS in manifest.files
        requests = TypicalRequests.load(directory / REQUESTS) if known else None
        encoder = load_encoder(directory / MODEL)
        store = open_store(directory / STORE, root)
        try:
            _check_parts(manifest, encoder, store, scenes, requests, fingerprint=verify)
            return cls(directory / MODEL, manifest, encoder, store, scenes, requests)
        except BaseException:
            store.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the store; what is being read is finished first."""
        self.store.close()


def _check_parts(
    manifest: Manifest,
    encoder: Encoder,
    store: Store,
    scenes: Scenes,
    requests: TypicalRequests | None,
    *,
    fingerprint: bool,
) -> None:
    """Raise BundleRefused unless the parts agree with the manifest and with each other."""
    checks: list[tuple[str, object, object]] = [
        ("dimension of the model", encoder.dimension, manifest.dimension),
        ("dimension of a text", encoder.encode_text(["a"]).shape[1], manifest.dimension),
        ("dimension of the vectors", store.dimension, manifest.dimension),
        ("number of pictures", len(store), manifest.count),
        ("dimension of the scenes", scenes.directions.shape[1], manifest.dimension),
    ]
    if requests is not None:
        shape = (requests.bank.vectors.shape[1], np.asarray(requests.nearness).shape)
        checks.append(("shape of the requests", shape, (manifest.dimension, (manifest.count,))))
    if fingerprint:
        checks.append(("fingerprint of the model", encoder.fingerprint, manifest.model_fingerprint))
    for what, found, expected in checks:
        if found != expected:
            raise BundleRefused(
                manifest.version, f"the {what} is {found}, the manifest says {expected}"
            )
