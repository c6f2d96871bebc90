"""onnx.json: what the graphs beside a model's weights are, and how they are fed."""

import hashlib
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from embedding.errors import ModelError
from embedding.onnx.pictures import PictureInput

__all__ = ["DESCRIPTION", "FOLDER", "Description", "Precision", "is_exported"]

FOLDER = "onnx"
"""Where the graphs lie in a model directory."""
DESCRIPTION = "onnx.json"

Precision = Literal["float32", "int8"]
"""int8: the weights, and what is multiplied with them."""


class Description(BaseModel):
    """What a directory of graphs says of itself.

    Attributes:
        format: of the directory.
        name: what people call the model.
        dimension: of its vectors.
        fingerprint: same fingerprint, same vectors.
        image_fingerprint: the same of the image encoder's own vectors.
        text: precision of the text graph; None where features alone are read.
        image: the same of the image encoder; None where no pictures are read.
        has_heads: whether its encoders have vectors of their own, before the joint space.
        width: of the image encoder's own vectors.
        prompt: goes before every text.
        view: how it looks at a picture.
        agreement: least cosine to torch's vectors, of each graph, when it was written.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = 1
    name: str
    dimension: int = Field(ge=1)
    fingerprint: str
    image_fingerprint: str
    text: Precision | None = "float32"
    image: Precision | None = "float32"
    has_heads: bool
    width: int = Field(ge=1)
    prompt: str = ""
    view: PictureInput | None = None
    agreement: dict[str, float] = {}

    def in_int8(self, how: str = "") -> "Description":
        """Return the description of the same model with its text graph in int8, made some way."""
        made = f"{self.fingerprint} text in int8 {how}".rstrip()
        changed = hashlib.sha256(made.encode()).hexdigest()[:16]
        return self.model_copy(update={"text": "int8", "fingerprint": changed})

    def write(self, directory: Path) -> None:
        """Write it beside the graphs."""
        text = self.model_dump_json(indent=2) + "\n"
        (directory / DESCRIPTION).write_text(text, encoding="utf-8")

    @classmethod
    def read(cls, directory: Path) -> "Description":
        """Read what lies beside the graphs.

        Raises:
            ModelError: it is missing or damaged.
        """
        path = directory / DESCRIPTION
        try:
            return cls.model_validate_json(path.read_text(encoding="utf-8"))
        except (OSError, ValidationError, UnicodeDecodeError) as error:
            why = str(error).splitlines()[0]
            raise ModelError(f"{path} cannot be read ({why}); export the model again") from None


def is_exported(model_dir: Path) -> bool:
    """Tell whether a model directory has graphs."""
    return (model_dir / FOLDER / DESCRIPTION).is_file()
