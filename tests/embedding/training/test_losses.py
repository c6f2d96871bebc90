"""Each loss equals a slow obvious loop, in value and in gradient."""

import math

import pytest
import torch
from torch import Tensor

from embedding.errors import TrainingError
from embedding.training.losses import (
    HardestNegativeLoss,
    InfoNCELoss,
    PairLoss,
    PairwiseRankingLoss,
    SigmoidLoss,
    build_loss,
)

MARGIN = 0.2


def slow_costs(text: Tensor, image: Tensor, ids: list[int]) -> tuple[list[list[Tensor]], ...]:
    """Return the violations of each text by images and of each image by texts."""
    n = len(ids)
    of_texts: list[list[Tensor]] = [[] for _ in range(n)]
    of_images: list[list[Tensor]] = [[] for _ in range(n)]
    for i in range(n):
        right = torch.dot(text[i], image[i])
        for j in range(n):
            if ids[i] == ids[j]:
                continue
            zero = torch.zeros(())
            of_texts[i].append(torch.maximum(zero, MARGIN - right + torch.dot(text[i], image[j])))
            of_images[i].append(torch.maximum(zero, MARGIN - right + torch.dot(text[j], image[i])))
    return of_texts, of_images


def slow_ranking(loss: PairLoss, text: Tensor, image: Tensor, ids: list[int]) -> Tensor:
    total = torch.zeros(())
    for side in slow_costs(text, image, ids):
        for costs in side:
            for cost in costs:
                total = total + cost
    return total


def slow_hardest(loss: PairLoss, text: Tensor, image: Tensor, ids: list[int]) -> Tensor:
    total = torch.zeros(())
    for side in slow_costs(text, image, ids):
        for costs in side:
            if costs:
                total = total + max(costs, key=lambda cost: cost.item())
    return total


def slow_infonce(loss: InfoNCELoss, text: Tensor, image: Tensor, ids: list[int]) -> Tensor:
    total = torch.zeros(())
    n = len(ids)
    for i in range(n):
        for own, others in ((text, image), (image, text)):
            right = torch.exp(torch.dot(own[i], others[i]) * loss.log_scale.exp())
            below = right
            for j in range(n):
                if ids[j] != ids[i]:
                    rival = torch.exp(torch.dot(own[i], others[j]) * loss.log_scale.exp())
                    # Copies of one image count as one image; texts are all different.
                    below = below + (rival / ids.count(ids[j]) if others is image else rival)
            total = total - torch.log(right / below)
    return total / (2 * n)


def slow_sigmoid(loss: SigmoidLoss, text: Tensor, image: Tensor, ids: list[int]) -> Tensor:
    total = torch.zeros(())
    n = len(ids)
    for i in range(n):
        for j in range(n):
            if i != j and ids[i] == ids[j]:
                continue
            sign = 1 if i == j else -1
            logit = torch.dot(text[i], image[j]) * loss.log_scale.exp() + loss.bias
            total = total - torch.log(1 / (1 + torch.exp(-sign * logit)))
    return total / n


CASES = [
    (lambda: PairwiseRankingLoss(MARGIN), slow_ranking),
    (lambda: HardestNegativeLoss(MARGIN), slow_hardest),
    (lambda: InfoNCELoss(0.3), slow_infonce),
    (lambda: SigmoidLoss(0.3, -2.0), slow_sigmoid),
]


@pytest.mark.parametrize(("make", "slow"), CASES, ids=["ranking", "hardest", "infonce", "sigmoid"])
@pytest.mark.parametrize(
    "ids", [[0, 1, 2, 3, 4], [7, 7, 2, 7, 5], [1, 1, 1]], ids=["distinct", "siblings", "one image"]
)
def test_loss_equals_the_slow_loop(make, slow, ids) -> None:
    generator = torch.Generator().manual_seed(len(ids))
    raw = torch.randn(2, len(ids), 6, generator=generator, dtype=torch.float64)
    torch.set_default_dtype(torch.float64)
    try:
        results = []
        for compute in (
            lambda loss, t, i: loss(t, i, torch.tensor(ids)),
            lambda loss, t, i: slow(loss, t, i, ids),
        ):
            loss = make()
            inputs = raw.clone().requires_grad_()
            text, image = torch.nn.functional.normalize(inputs, dim=-1)
            value = compute(loss, text, image)
            value = value + 0 * inputs.sum()  # one image only: the slow value is a constant
            value.backward()
            learned = [
                torch.zeros(()) if p.grad is None else p.grad.clone() for p in loss.parameters()
            ]
            results.append((value.detach(), inputs.grad, learned))
    finally:
        torch.set_default_dtype(torch.float32)
    (fast_value, fast_grad, fast_learned), (slow_value, slow_grad, slow_learned) = results
    torch.testing.assert_close(fast_value, slow_value)
    torch.testing.assert_close(fast_grad, slow_grad)
    torch.testing.assert_close(fast_learned, slow_learned)
    if len(set(ids)) > 1:
        assert fast_grad.abs().sum() > 0


def test_a_text_chooses_among_distinct_images() -> None:
    texts = torch.nn.functional.normalize(torch.randn(5, 6), dim=1)
    pictures = torch.nn.functional.normalize(torch.randn(3, 6), dim=1)
    owners = torch.tensor([0, 0, 0, 1, 2])
    loss = InfoNCELoss(0.3)
    scores = texts @ pictures.T / 0.3
    to_image = torch.nn.functional.cross_entropy(scores, owners)
    to_text = torch.stack(
        [
            -torch.log(
                torch.exp(scores[i, owner])
                / (torch.exp(scores[i, owner]) + torch.exp(scores[owners != owner, owner]).sum())
            )
            for i, owner in enumerate(owners)
        ]
    ).mean()
    found = loss(texts, pictures[owners], owners)
    torch.testing.assert_close(found, (to_image + to_text) / 2)


@pytest.mark.parametrize("make", [case[0] for case in CASES])
def test_a_sibling_changes_nothing_as_a_negative(make) -> None:
    text = torch.nn.functional.normalize(torch.tensor([[1.0, 0.2], [0.1, 1.0], [1.0, 0.25]]), dim=1)
    image = torch.nn.functional.normalize(torch.tensor([[1.0, 0.1], [0.0, 1.0], [1.0, 0.1]]), dim=1)
    with_siblings = make()(text, image, torch.tensor([0, 1, 0]))
    as_strangers = make()(text, image, torch.tensor([0, 1, 2]))
    assert with_siblings < as_strangers


def test_settings_out_of_range_are_named_with_what_is_allowed() -> None:
    with pytest.raises(ValueError, match="margin is 0"):
        PairwiseRankingLoss(0)
    with pytest.raises(ValueError, match="temperature is 2"):
        InfoNCELoss(2)
    with pytest.raises(TrainingError, match=r"'triplet'.*ranking, hardest, infonce, sigmoid"):
        build_loss("triplet", margin=0.2, temperature=0.1)
    with pytest.raises(ValueError, match=r"\(n, d\)"):
        InfoNCELoss()(torch.ones(2, 3), torch.ones(3, 3), torch.arange(2))


def test_the_learned_scale_stays_bounded() -> None:
    loss = InfoNCELoss(0.5)
    with torch.no_grad():
        loss.log_scale.fill_(math.log(1e6))
    vectors = torch.nn.functional.normalize(torch.randn(4, 8), dim=1)
    assert torch.isfinite(loss(vectors, vectors, torch.arange(4)))
