"""Losses over a batch of pairs: text i belongs to image i.

All of them take the vectors of both sides and the image each pair comes from. Pairs of the same
image ("siblings": other captions of it) are never negatives for one another. None of them
compares a pair with itself as a negative.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from embedding.errors import TrainingError

__all__ = [
    "LOSSES",
    "HardestNegativeLoss",
    "InfoNCELoss",
    "PairLoss",
    "PairwiseRankingLoss",
    "SigmoidLoss",
    "build_loss",
    "taught",
    "text_drift",
]

_TAUGHT_TEMPERATURE = 0.05
"""At which a teacher's similarities become probabilities: low enough that a few rivals count."""


class PairLoss(nn.Module):
    """Base of the losses: similarities and which of them may serve as negatives."""

    def forward(self, text: Tensor, image: Tensor, image_ids: Tensor) -> Tensor:
        """Return the loss of a batch.

        Args:
            text: (n, d) unit vectors of the captions.
            image: (n, d) unit vectors of their images.
            image_ids: (n,) integers; equal numbers are the same image.

        Returns:
            A scalar with gradient.

        Raises:
            ValueError: the shapes do not fit.
        """
        if text.shape != image.shape or text.ndim != 2 or image_ids.shape != text.shape[:1]:
            raise ValueError(
                f"text {tuple(text.shape)}, image {tuple(image.shape)} and image_ids "
                f"{tuple(image_ids.shape)} must be (n, d), (n, d) and (n,)"
            )
        # (n, n): row i holds the similarities of text i to every image.
        return self.compute(text @ image.T, image_ids[:, None] == image_ids[None, :])

    def compute(self, scores: Tensor, same_image: Tensor) -> Tensor:
        """Return the loss from (n, n) similarities and (n, n) "is the same image"."""
        raise NotImplementedError


class PairwiseRankingLoss(PairLoss):
    """Sum of hinges over all negatives, both ways: max(0, margin - s(i, i) + s(i, j)).

    Args:
        margin: by how much the right one must lead, in cosine; in (0, 2].

    Source: Kiros, Salakhutdinov, Zemel (2014), "Unifying visual-semantic embeddings".
    """

    def __init__(self, margin: float = 0.2) -> None:
        super().__init__()
        self.margin = _between("margin", margin, 0.0, 2.0)

    def compute(self, scores: Tensor, same_image: Tensor) -> Tensor:
        """Return the sum over texts and images of all their violations."""
        return sum((cost.sum() for cost in self.costs(scores, same_image)), scores.new_zeros(()))

    def costs(self, scores: Tensor, same_image: Tensor) -> tuple[Tensor, Tensor]:
        """Return (n, n) hinges: of each text over images, and of each image over texts."""
        right = scores.diagonal()
        over_images = (self.margin - right[:, None] + scores).clamp(min=0)
        over_texts = (self.margin - right[None, :] + scores).clamp(min=0)
        return over_images.masked_fill(same_image, 0), over_texts.masked_fill(same_image, 0).T


class HardestNegativeLoss(PairwiseRankingLoss):
    """As the pairwise ranking loss, but each side counts its worst violation only.

    Args:
        margin: by how much the right one must lead, in cosine; in (0, 2].

    Source: Faghri, Fleet, Kiros, Fidler (2018), "VSE++".
    """

    def compute(self, scores: Tensor, same_image: Tensor) -> Tensor:
        """Return the sum over texts and images of their largest violation."""
        over_images, over_texts = self.costs(scores, same_image)
        return over_images.amax(dim=1).sum() + over_texts.amax(dim=1).sum()


class InfoNCELoss(PairLoss):
    """Cross-entropy of finding the right one in the batch, mean of both ways.

    A text chooses among the distinct images: one that is there with several captions counts once.
    An image chooses among texts, once for each of its captions, which are no rivals of each other.

    Args:
        temperature: the softmax's temperature at the start; it is learned.

    Source: Radford et al. (2021), "Learning transferable visual models" (CLIP).
    """

    def __init__(self, temperature: float = 0.06) -> None:
        super().__init__()
        start = _between("temperature", temperature, 0.0, 1.0)
        self.log_scale = nn.Parameter(torch.tensor(-math.log(start)))

    def compute(self, scores: Tensor, same_image: Tensor) -> Tensor:
        """Return the mean cross-entropy."""
        n = len(scores)
        right = torch.arange(n, device=scores.device)
        siblings = same_image & ~torch.eye(n, dtype=torch.bool, device=scores.device)
        # As in CLIP, a scale over 100 would make training unstable.
        logits = scores * self.log_scale.exp().clamp(max=100)
        logits = logits.masked_fill(siblings, -torch.inf)
        # Each of an image's c copies counts as 1/c, so that together they count as one.
        copies = same_image.sum(dim=0).to(scores.dtype)
        shares = (-copies.log()).expand(n, n).masked_fill(same_image, 0)
        to_image = functional.cross_entropy(logits + shares, right)
        to_text = functional.cross_entropy(logits.T, right)
        return (to_image + to_text) / 2


class SigmoidLoss(PairLoss):
    """Each combination of text and image is a yes/no question of its own; sum over n.

    Args:
        temperature: inverse scale of the similarities at the start; learned.
        bias: what is added to the scaled similarity at the start; learned.

    Source: Zhai et al. (2023), "Sigmoid loss for language image pre-training" (SigLIP).
    """

    def __init__(self, temperature: float = 0.1, bias: float = -10.0) -> None:
        super().__init__()
        start = _between("temperature", temperature, 0.0, 1.0)
        self.log_scale = nn.Parameter(torch.tensor(-math.log(start)))
        self.bias = nn.Parameter(torch.tensor(float(bias)))

    def compute(self, scores: Tensor, same_image: Tensor) -> Tensor:
        """Return the summed log losses of all questions, divided by the number of pairs."""
        n = len(scores)
        itself = torch.eye(n, dtype=torch.bool, device=scores.device)
        logits = scores * self.log_scale.exp() + self.bias
        signs = torch.where(itself, 1.0, -1.0)
        costs = -functional.logsigmoid(signs * logits)
        return costs.masked_fill(same_image & ~itself, 0).sum() / n


LOSSES: dict[str, Callable[..., PairLoss]] = {
    "ranking": PairwiseRankingLoss,
    "hardest": HardestNegativeLoss,
    "infonce": InfoNCELoss,
    "sigmoid": SigmoidLoss,
}


def build_loss(name: str, *, margin: float, temperature: float) -> PairLoss:
    """Return the loss of that name with the one setting that applies to it.

    Raises:
        TrainingError: there is no such loss, or the setting is out of range.
    """
    if name not in LOSSES:
        raise TrainingError(f"the loss is {name!r}; it must be one of {', '.join(LOSSES)}")
    try:
        if name in ("ranking", "hardest"):
            return LOSSES[name](margin=margin)
        return LOSSES[name](temperature=temperature)
    except ValueError as error:
        raise TrainingError(str(error)) from error


def text_drift(texts: Tensor, images: Tensor, sentences: Tensor) -> Tensor:
    """Return how far similarities in a batch are from those the text encoder sees in the captions.

    A picture is asked to be as near to each text as its own caption is: with few captions to
    learn from, that is what makes it answer to sentences unlike any of them.

    Args:
        texts: (n, d) unit vectors of the captions.
        images: (n, d) unit vectors of their images.
        sentences: (n, width) the text encoder's own vectors; no gradient flows to them.
    """
    before = functional.normalize(sentences.detach(), dim=-1)
    cosines = before @ before.T
    return functional.mse_loss(texts @ texts.T, cosines) + functional.mse_loss(
        texts @ images.T, cosines
    )


def taught(scores: Tensor, teacher_scores: Tensor) -> Tensor:
    """Return how far a softmax of similarities is from the teacher's, over both directions.

    What the right answer does not say, the teacher does: which other pictures nearly fit.

    Args:
        scores: (n, m) cosines of captions and pictures.
        teacher_scores: (n, m) the same by the teacher; no gradient flows to them.

    Returns:
        The mean Kullback-Leibler divergence of a row and of a column.

    Source: Hinton, Vinyals, Dean (2015), "Distilling the knowledge in a neural network".
    """
    own, aim = (each / _TAUGHT_TEMPERATURE for each in (scores, teacher_scores.detach()))
    of_rows, of_columns = (
        functional.kl_div(
            functional.log_softmax(a, dim=1),
            functional.log_softmax(b, dim=1),
            log_target=True,
            reduction="batchmean",
        )
        for a, b in ((own, aim), (own.T, aim.T))
    )
    return (of_rows + of_columns) / 2


def _between(name: str, value: float, low: float, high: float) -> float:
    if not low < value <= high:
        raise ValueError(f"{name} is {value}; it must be over {low} and at most {high}")
    return float(value)
