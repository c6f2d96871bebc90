"""Several encoders that read the same input, as one transformers backbone.

Importing this module registers the model type ``side_by_side`` with AutoConfig and AutoModel, so
that a joined model is made of stock sentence-transformers modules and needs no trust flag.
"""

from collections.abc import Sequence
from typing import Any, Self

import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, PreTrainedConfig, PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput

from embedding.model.efficientnet import at_side

__all__ = ["SideBySideConfig", "SideBySideModel"]


class SideBySideConfig(PreTrainedConfig):  # type: ignore[no-untyped-call]
    """Settings of encoders side by side.

    Attributes:
        members: the settings of each encoder.
        hidden_size: of all together.
        max_position_embeddings: most tokens that every encoder of text can read; None for images.
        image_size: side of the largest input that an encoder of images takes, in pixels; 0 for
            texts. The others look at a copy that is as much smaller as their own input is.
    """

    model_type = "side_by_side"
    members: list[dict[str, Any]] | None = None
    hidden_size: int = 0
    max_position_embeddings: int | None = None
    image_size: int = 0


class SideBySideModel(PreTrainedModel):  # type: ignore[no-untyped-call]
    """Encoders that read the same tokens (or the same pixels); their outputs side by side."""

    config: SideBySideConfig
    config_class = SideBySideConfig
    base_model_prefix = "side_by_side"

    def __init__(self, config: SideBySideConfig) -> None:
        super().__init__(config)
        settings = [dict(member) for member in config.members or ()]
        self.members = nn.ModuleList(
            AutoModel.from_config(  # type: ignore[no-untyped-call]
                AutoConfig.for_model(member.pop("model_type"), **member)
            )
            for member in settings
        )
        self.input_modalities = getattr(self.members[0], "input_modalities", "text")
        self.post_init()  # type: ignore[no-untyped-call]

    @classmethod
    def of(cls, members: Sequence[PreTrainedModel]) -> Self:
        """Return a model that holds the encoders given; their weights are shared, not copied."""
        limits = [getattr(m.config, "max_position_embeddings", None) for m in members]
        lengths = [limit for limit in limits if limit]
        with torch.device("meta"):
            model = cls(
                SideBySideConfig(
                    members=[member.config.to_diff_dict() for member in members],
                    hidden_size=sum(int(member.config.hidden_size) for member in members),
                    max_position_embeddings=min(lengths) if lengths else None,
                    image_size=max(getattr(m.config, "image_size", 0) for m in members),
                )
            )
        model.members = nn.ModuleList(members)
        model.train(False)
        return model

    def _init_weights(self, module: nn.Module) -> None:
        """Keep the initialisation of the members: weights are always loaded over it."""

    def get_input_embeddings(self) -> nn.Module:
        """Return the word vectors of all encoders."""
        return nn.ModuleList(member.get_input_embeddings() for member in self._encoders())

    def set_attn_implementation(self, *args: Any, **kwargs: Any) -> None:
        """Choose how every encoder computes its attention."""
        for member in self._encoders():
            member.set_attn_implementation(*args, **kwargs)

    def tune(self, frozen_blocks: int) -> None:
        """Let the encoders learn, those that know of it without their first blocks."""
        for member in self._encoders():
            if hasattr(member, "tune"):
                member.tune(frozen_blocks)

    def _encoders(self) -> list[Any]:
        return list(self.members)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        pixel_values: Tensor | None = None,
        **_unused: object,
    ) -> BaseModelOutput:
        """Return the members' outputs side by side.

        Args:
            input_ids: (n, tokens), for encoders of text.
            attention_mask: (n, tokens), 1 for the tokens that count.
            token_type_ids: (n, tokens).
            pixel_values: (n, 3, side, side), for encoders of images; of any side.

        Returns:
            ``last_hidden_state`` (n, places, hidden_size). Encoders of images that differ in
            places are averaged over them, and there is one place.
        """
        given = {
            "input_ids": input_ids,
            "attention_mask": attention_mask,
            "token_type_ids": token_type_ids,
            "pixel_values": pixel_values,
        }
        inputs = {name: tensor for name, tensor in given.items() if tensor is not None}
        states = [
            member(**self._resized(inputs, member.config)).last_hidden_state
            for member in self._encoders()
        ]
        # Compared one by one: while a graph is written, a number of tokens has no hash.
        if any(part.shape[1] != states[0].shape[1] for part in states):
            states = [part.float().mean(dim=1, keepdim=True) for part in states]
        return BaseModelOutput(last_hidden_state=torch.cat(states, dim=2))

    def _resized(self, inputs: dict[str, Tensor], settings: Any) -> dict[str, Tensor]:
        """Return the inputs of a member, pixels as many as it takes in proportion to the others."""
        if "pixel_values" not in inputs or settings.image_size == self.config.image_size:
            return inputs
        pixels = inputs["pixel_values"]
        side = round(pixels.shape[-1] * settings.image_size / self.config.image_size)
        return {**inputs, "pixel_values": at_side(pixels, side)}


AutoConfig.register("side_by_side", SideBySideConfig, exist_ok=True)
AutoModel.register(SideBySideConfig, SideBySideModel, exist_ok=True)
