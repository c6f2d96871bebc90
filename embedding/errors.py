"""The one family of exceptions that this package raises on purpose."""

__all__ = ["DataError", "EmbeddingError", "ModelError", "PicturesUnavailable", "TrainingError"]


class EmbeddingError(Exception):
    """Base of every failure of this package; its text is one sentence fit for a user."""


class DataError(EmbeddingError):
    """A data set is missing, unreadable, or contradicts itself."""


class ModelError(EmbeddingError):
    """A model, a backbone or its weights cannot be found, verified or used."""


class TrainingError(EmbeddingError):
    """Training cannot start or go on with these settings and these data."""


class PicturesUnavailable(EmbeddingError):
    """What holds the pictures does not answer now; the same may work in a moment."""
