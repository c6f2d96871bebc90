"""A frozen encoder's vectors of captions: each computed once."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from embedding.training.config import TrainConfig
from embedding.training.inputs import Texts


class Model:
    """Encodes a text as its length, and counts how many it has encoded."""

    def __init__(self) -> None:
        self.encoded = 0
        self.text = SimpleNamespace(encode=self._encode)

    def preprocess(self, texts: list[str]) -> dict[str, Any]:
        lengths = torch.tensor([[len(text)] for text in texts])
        return {"attention_mask": torch.ones(len(texts), 1), "lengths": lengths}

    def _encode(self, inputs: dict[str, Any]) -> torch.Tensor:
        self.encoded += len(inputs["lengths"])
        return inputs["lengths"].float()


@pytest.mark.parametrize(("held_out", "encoded"), [(("a", "bb"), 2), (("ccc",), 3)])
def test_captions_that_are_learned_and_judged_by_are_encoded_once(
    held_out: tuple[str, ...], encoded: int
) -> None:
    model = Model()
    config = TrainConfig(train_text="no", precision="float32")
    texts = Texts(model, ("a", "bb"), held_out, config, torch.device("cpu"))  # type: ignore[arg-type]
    assert model.encoded == encoded
    assert texts.held_out().flatten().tolist() == [len(text) for text in held_out]
