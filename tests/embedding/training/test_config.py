"""Settings: wrong ones are named with their value, automatic ones are decided by stated rules."""

from pathlib import Path
from typing import get_args

import pytest

from embedding.errors import TrainingError
from embedding.training.config import TRAIN_TEXT_FROM, TrainConfig
from embedding.training.losses import LOSSES

RECIPES = Path(__file__).parents[3] / "embedding" / "recipes"


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("loss", "triplet", "'ranking', 'hardest', 'infonce' or 'sigmoid'"),
        ("folds", 1, "0 or at least 2"),
        ("dropout", 1.0, "less than 1"),
        ("text_rate", 0.0, "greater than 0"),
        ("learning_rate", float("nan"), "a finite number"),
        ("dimension", 0, "greater than or equal to 1"),
        ("dimension", 1.5, "a valid integer"),
        ("epochs", True, "a valid integer"),
        ("train_words", 1, "a valid boolean"),
        ("train_on", "some", "'split' or 'all'"),
    ],
)
def test_wrong_values_are_named_with_what_is_allowed(
    name: str, value: object, allowed: str
) -> None:
    with pytest.raises(TrainingError) as refused:
        TrainConfig(**{name: value})  # type: ignore[arg-type]
    assert str(refused.value) == f"the setting {name} is {value!r}; it must be {allowed}"
    with pytest.raises(TrainingError, match=f"the setting {name} is"):
        TrainConfig().changed(**{name: value})


def test_settings_are_read_from_files_and_laid_over(tmp_path: Path) -> None:
    toml, other = tmp_path / "a.toml", tmp_path / "a.json"
    toml.write_text('text_tower = "lstm"\nloss = "ranking"\nlearning_rate = 1\n')
    assert TrainConfig.read(toml, folds=3) == TrainConfig(
        text_tower="lstm", loss="ranking", learning_rate=1, folds=3
    )
    other.write_text('{"los": "ranking"}')
    with pytest.raises(TrainingError, match=r"a\.json: there is no setting 'los'; use .*loss, "):
        TrainConfig.read(other)
    other.write_text('{"epochs": "many"}')
    with pytest.raises(TrainingError, match=r"a\.json: the setting epochs is 'many'"):
        TrainConfig.read(other)
    other.write_text("[]")
    with pytest.raises(TrainingError, match="a table of names and values"):
        TrainConfig.read(other)
    other.write_text("{")
    with pytest.raises(TrainingError, match="cannot be read"):
        TrainConfig.read(other)


def test_the_recipes_that_come_with_the_project_are_allowed() -> None:
    for path in RECIPES.glob("photos-*.toml"):
        TrainConfig.read(path)


def test_every_loss_can_be_chosen() -> None:
    assert get_args(TrainConfig.model_fields["loss"].annotation) == tuple(LOSSES)


def test_automatic_settings_follow_the_number_of_images() -> None:
    small = TrainConfig().resolved(TRAIN_TEXT_FROM - 1)
    large = TrainConfig().resolved(TRAIN_TEXT_FROM)
    assert (small.train_text, large.train_text) == ("no", "yes")
    assert small.keep_text > 0 == large.keep_text
    assert TrainConfig(text_tower="lstm").resolved(10).train_text == "yes"
    assert TrainConfig(train_text="no").resolved(9999).train_text == "no"
    assert TrainConfig(batch_size=64).resolved(10).batch_size == 10
