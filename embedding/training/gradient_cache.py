"""The gradient of a loss over a batch too large for memory.

A contrastive loss needs all vectors of a batch at once, but no vector needs the others to be
computed. So: all vectors without a graph, the loss and its gradient to each vector, then each part
again with a graph, through which its vectors' gradient is passed on.

Source: Gao, Zhang, Han, Callan (2021), "Scaling deep contrastive learning batch size under
memory limited setup" (GradCache).
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import torch
from torch import Tensor

__all__ = ["backward_by_parts"]

Part = TypeVar("Part")


def backward_by_parts(
    parts: Sequence[Part],
    encode: Callable[[Part], tuple[Tensor, ...]],
    loss_of: Callable[..., Tensor],
) -> Tensor:
    """Add to all gradients those of the loss over all parts; return the loss.

    Args:
        parts: one part needs no second pass.
        encode: rows of vectors from a part; it may use torch's random numbers, which are the same
            in both passes.
        loss_of: the loss, with gradient, from the rows of all parts, joined.
    """
    if len(parts) == 1:
        loss = loss_of(*encode(parts[0]))
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.detach()
    states, rows = [], []
    with torch.no_grad():
        for part in parts:
            states.append(_random_state())
            rows.append(encode(part))
    joined = [torch.cat(vectors).requires_grad_() for vectors in zip(*rows, strict=True)]
    loss = loss_of(*joined)
    loss.backward()  # type: ignore[no-untyped-call]
    gradients = [
        None if vectors.grad is None else torch.split(vectors.grad, [len(own[i]) for own in rows])
        for i, vectors in enumerate(joined)
    ]
    for number, (part, state) in enumerate(zip(parts, states, strict=True)):
        with _replayed(state):
            again = encode(part)
        # What the loss does not depend on, or what is computed without gradient, is left out.
        flowing = [
            (vectors, gradient[number])
            for vectors, gradient in zip(again, gradients, strict=True)
            if gradient is not None and vectors.requires_grad
        ]
        torch.autograd.backward([v for v, _ in flowing], [g for _, g in flowing])
    return loss.detach()


def _random_state() -> tuple[Tensor, list[Tensor]]:
    cards = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    return torch.get_rng_state(), cards


@contextmanager
def _replayed(state: tuple[Tensor, list[Tensor]]) -> Iterator[None]:
    """Draw the random numbers once more that were drawn from a state on; then go on as before."""
    now = _random_state()
    _set_random_state(state)
    try:
        yield
    finally:
        _set_random_state(now)


def _set_random_state(state: tuple[Tensor, list[Tensor]]) -> None:
    torch.set_rng_state(state[0])
    if state[1]:
        torch.cuda.set_rng_state_all(state[1])
