"""The one family of exceptions that this package raises on purpose."""

__all__ = [
    "BundleError",
    "BundleLive",
    "BundleRefused",
    "GalleryError",
    "IndexMismatch",
    "NoBundle",
    "RetrievalError",
    "StoreReadOnly",
    "StoreUnavailable",
]


class RetrievalError(Exception):
    """Base of every failure of this package; its text is one sentence fit for a user."""


class GalleryError(RetrievalError):
    """The gallery, or one picture of it, cannot be read."""


class IndexMismatch(RetrievalError):
    """Vectors, ids or a file do not fit the index."""


class BundleError(RetrievalError):
    """A bundle cannot be built, published or opened."""


class BundleLive(BundleError):
    """The live bundle cannot be removed."""


class NoBundle(BundleError):
    """There is no such bundle, or none yet."""


class BundleRefused(BundleError):
    """A bundle is damaged or contradicts itself and must not be served.

    Attributes:
        reason: what is wrong, in one sentence without the bundle's name.
    """

    def __init__(self, version: str, reason: str) -> None:
        super().__init__(f"bundle {version} is refused: {reason}")
        self.version = version
        self.reason = reason


class StoreUnavailable(BundleError):
    """The server that holds the gallery does not answer now; the same may work in a moment."""


class StoreReadOnly(BundleError):
    """What holds the gallery may only be read where it was asked, as a replica is."""
