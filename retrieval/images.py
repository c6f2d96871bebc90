"""Opening pictures that come from outside; `bot` sees embedding/ only through this package."""

from embedding.images import ImageError, ImageTooLarge, NotAnImage, TruncatedImage, open_image

__all__ = ["ImageError", "ImageTooLarge", "NotAnImage", "TruncatedImage", "open_image"]
