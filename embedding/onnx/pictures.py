"""From pictures to the pixels that a graph takes, as the model's own processor makes them."""

from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field

from embedding.data.decode import to_rgb
from embedding.model.squares import square

__all__ = ["Cropped", "PictureInput", "Square"]

Pixels = NDArray[np.float32]


class Square(BaseModel):
    """The view of EfficientNet-Lite: a square, scaled to about -1 to 1.

    Attributes:
        kind: tells it from the other views.
        side: of the square, in pixels.
        fit: ``crop`` or ``squash`` (see embedding.model.squares).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["square"] = "square"
    side: int
    fit: str

    def read(self, images: Sequence[Image.Image]) -> Pixels:
        """Return pixels (n, 3, side, side)."""
        squares = [square(to_rgb(image), self.side, self.fit) for image in images]
        pixels = np.stack([np.asarray(one, np.float32) for one in squares])
        pixels -= 127.0
        pixels /= 128.0
        return np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))


class Cropped(BaseModel):
    """The view of CLIP, SigLIP and most vision transformers: resized, cropped, normalised.

    Attributes:
        kind: tells it from the other views.
        shortest: side to which the shorter one is resized, in pixels; or
        size: (height, width) to which the whole picture is; or neither.
        resample: Pillow's number of the filter.
        crop: (height, width) that are cut out of the middle; None for the whole.
        scale: factor of the values 0 to 255.
        mean: taken off each channel then.
        deviation: divides each channel then.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["cropped"] = "cropped"
    shortest: int | None = None
    size: tuple[int, int] | None = None
    resample: int = Image.Resampling.BICUBIC
    crop: tuple[int, int] | None = None
    scale: float = 1.0
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    deviation: tuple[float, float, float] = (1.0, 1.0, 1.0)

    def read(self, images: Sequence[Image.Image]) -> Pixels:
        """Return pixels (n, 3, height, width)."""
        pixels = np.stack([np.asarray(self._view(to_rgb(image)), np.float32) for image in images])
        pixels *= np.float32(self.scale)
        pixels -= np.array(self.mean, np.float32)
        pixels /= np.array(self.deviation, np.float32)
        return np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))

    def _view(self, image: Image.Image) -> Image.Image:
        size = self._target(image.size)
        if size != image.size:
            image = image.resize(size, Image.Resampling(self.resample))
        if self.crop is None:
            return image
        # Outside of a picture that is smaller than the crop it is black.
        left, top = (image.width - self.crop[1]) // 2, (image.height - self.crop[0]) // 2
        return image.crop((left, top, left + self.crop[1], top + self.crop[0]))

    def _target(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return (width, height) to resize to."""
        if self.size is not None:
            return self.size[1], self.size[0]
        if self.shortest is None:
            return size
        shorter, longer = sorted(size)
        scaled = int(self.shortest * longer / shorter)
        return (self.shortest, scaled) if size[0] <= size[1] else (scaled, self.shortest)


PictureInput = Annotated[Square | Cropped, Field(discriminator="kind")]
"""How a model looks at a picture."""
