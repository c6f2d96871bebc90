"""Gradients by parts equal those of the whole batch."""

from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor, nn

from embedding.training.gradient_cache import backward_by_parts
from embedding.training.losses import InfoNCELoss

INPUTS = torch.randn(7, 5, generator=torch.Generator().manual_seed(0))


def gradients(dropout: float, backward: Callable[..., object]) -> tuple[Tensor, list[Tensor]]:
    torch.manual_seed(1)
    text = nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Dropout(dropout), nn.Linear(8, 4))
    image = nn.Sequential(nn.Dropout(dropout), nn.Linear(5, 4))
    loss_of = InfoNCELoss(0.3)

    def encode(part: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        unit = nn.functional.normalize
        return unit(text(part), dim=1), unit(image(part.flip(1)), dim=1), part

    def objective(texts: Tensor, images: Tensor, unused: Tensor) -> Tensor:
        return loss_of(texts, images, torch.arange(7)) + (texts @ unused[:, :4].T).mean()

    torch.manual_seed(2)
    loss = backward(INPUTS.split([3, 2, 2]), encode, objective)
    parameters = [*text.parameters(), *image.parameters(), *loss_of.parameters()]
    after = torch.rand(3)
    return torch.as_tensor(loss), [p.grad for p in parameters if p.grad is not None] + [after]


def with_one_graph(
    parts: Sequence[Tensor],
    encode: Callable[..., tuple[Tensor, ...]],
    objective: Callable[..., Tensor],
) -> Tensor:
    """What is done by parts, done at once: all parts are in memory with their graphs."""
    loss = objective(*(torch.cat(rows) for rows in zip(*map(encode, parts), strict=True)))
    loss.backward()
    return loss.detach()


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_by_parts_is_as_with_one_graph(dropout: float) -> None:
    loss, found = gradients(dropout, backward_by_parts)
    expected_loss, expected = gradients(dropout, with_one_graph)
    torch.testing.assert_close(loss, expected_loss)
    assert len(found) == 8
    torch.testing.assert_close(found, expected)


def test_one_part_is_the_whole_batch() -> None:
    whole = gradients(0.0, lambda parts, *rest: backward_by_parts([torch.cat(parts)], *rest))
    torch.testing.assert_close(whole, gradients(0.0, backward_by_parts))
