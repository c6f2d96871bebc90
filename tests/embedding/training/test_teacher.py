"""A small model learns from a larger one: its similarities, of pictures that are mixed too."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from embedding.data.pairs import Pairs, load_pairs
from embedding.errors import TrainingError
from embedding.evaluation.recall import embed_pairs
from embedding.model.joint import JointEmbedding
from embedding.training.batches import batches, captions_of
from embedding.training.config import TrainConfig
from embedding.training.losses import taught
from embedding.training.train import train

# So few steps that the right captions alone would not be learned: similarities are.
TAUGHT = TrainConfig(
    train_on="all",
    train_text="no",
    keep_text=0.0,
    dimension=24,
    image_hidden=0,
    epochs=30,
    batch_size=60,
    captions_per_image=2,
    learning_rate=5e-3,
    dropout=0.0,
)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("features")


def test_the_loss_is_the_divergence_of_both_directions() -> None:
    torch.manual_seed(0)
    own, aim = (torch.rand(4, 3, requires_grad=True) for _ in range(2))

    def divergence(q: torch.Tensor, p: torch.Tensor) -> torch.Tensor:
        """Return the mean over rows, at a temperature of 0.05."""
        p, q = torch.softmax(p / 0.05, dim=1), torch.softmax(q / 0.05, dim=1)
        return (p * (p.log() - q.log())).sum(dim=1).mean()

    loss = taught(own, aim)
    torch.testing.assert_close(loss, (divergence(own, aim) + divergence(own.T, aim.T)) / 2)
    loss.backward()
    assert own.grad is not None
    assert own.grad.abs().sum() > 0
    # The teacher does not learn.
    assert aim.grad is None
    assert taught(aim, aim).item() == pytest.approx(0, abs=1e-6)


def test_pictures_and_captions_are_mixed_with_others() -> None:
    pairs = load_pairs_of(12)
    config = TAUGHT.changed(mixup=1.0, batch_size=10)
    rows = torch.arange(48.0).view(24, 2)
    plain, both = (
        next(batches(captions_of(pairs), changed, 0, 0))
        for changed in (config.changed(mixup=0.0), config)
    )
    # What is learned of it otherwise is the same: captions, views, and dropout.
    np.testing.assert_array_equal(plain.captions, both.captions)
    assert plain.seed == both.seed
    assert torch.equal(plain.image_mix.of(rows.__getitem__), rows[plain.images])
    part = both.part(1, 3)
    for mix, own, chosen, some in (
        (both.image_mix, part.image_mix, both.images, slice(1, 3)),
        (both.caption_mix, part.caption_mix, both.captions, slice(2, 6)),
    ):
        np.testing.assert_array_equal(mix.chosen, chosen)
        found = mix.of(rows.__getitem__)
        for i, (one, partner, share) in enumerate(
            zip(chosen, mix.partners, mix.shares, strict=True)
        ):
            expected = share * rows[one] + (1 - share) * rows[partner]
            torch.testing.assert_close(found[i], expected, check_dtype=False)
        assert len(set(mix.shares.tolist())) == len(chosen)
        assert torch.equal(own.of(rows.__getitem__), found[some])


def load_pairs_of(n: int) -> Pairs:
    names = [str(i) for i in range(n)]
    return Pairs("x", names, [f"caption {i}" for i in range(2 * n)], np.arange(2 * n) // 2)


@pytest.mark.parametrize("mixup", [0.0, 1.0])
def test_a_smaller_model_sees_what_its_teacher_sees(
    mixup: float, shapes_model_dir: Path, shapes_dir: Path, tmp_path: Path, cache: Path
) -> None:
    pairs = load_pairs(f"csv:{shapes_dir}")
    config = TAUGHT.changed(teacher=str(shapes_model_dir), mixup=mixup)
    result = train(pairs, config, tmp_path / "run", cache_dir=cache)
    assert result.history[-1]["loss"] < result.history[0]["loss"] / 3
    teacher, student = (
        embed_pairs(JointEmbedding.load(path), pairs, cache_dir=cache)
        for path in (shapes_model_dir, result.model_dir)
    )
    assert student.images.shape[1] == 24
    one, other = (
        functional.softmax(torch.from_numpy(seen.texts @ seen.images.T) / 0.05, dim=1)
        for seen in (teacher, student)
    )
    # As probabilities they overlap by most of their mass.
    assert torch.minimum(one, other).sum(dim=1).mean() > 0.75


def test_settings_that_need_others_are_refused(tmp_path: Path) -> None:
    for settings, why in (
        ({"mixup": 1.0}, "set teacher too"),
        ({"network": "efficientnet-lite2"}, "set start_from too"),
    ):
        with pytest.raises(TrainingError, match=why):
            train(load_pairs_of(12), TAUGHT.changed(**settings), tmp_path / "run")
