"""Settings: wrong ones are named with their value, automatic ones are decided by stated rules."""

from pathlib import Path

import pytest

from embedding.errors import TrainingError
from embedding.training.config import TRAIN_TEXT_FROM, TrainConfig, load_config


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("loss", "triplet", "ranking"),
        ("folds", 1, "at least 2"),
        ("dropout", 1.0, r"\[0, 1\)"),
        ("text_rate", 0.0, "over 0"),
        ("dimension", 0, "at least 1"),
        ("train_on", "some", "split, all"),
    ],
)
def test_wrong_values_are_named(name: str, value: object, allowed: str) -> None:
    with pytest.raises(TrainingError, match=f"{name} is {value!r}.*{allowed}"):
        TrainConfig(**{name: value})  # type: ignore[arg-type]


def test_files(tmp_path: Path) -> None:
    toml, other = tmp_path / "a.toml", tmp_path / "a.json"
    toml.write_text('text_tower = "lstm"\nloss = "ranking"\nlearning_rate = 1\n')
    assert load_config(toml, folds=3) == TrainConfig(
        text_tower="lstm", loss="ranking", learning_rate=1, folds=3
    )
    other.write_text('{"los": "ranking"}')
    with pytest.raises(TrainingError, match="no setting 'los'"):
        load_config(other)
    other.write_text('{"epochs": "many"}')
    with pytest.raises(TrainingError, match="epochs is 'many'; expected int"):
        load_config(other)
    other.write_text("{")
    with pytest.raises(TrainingError, match="cannot be read"):
        load_config(other)


def test_automatic_settings_follow_the_number_of_images() -> None:
    small = TrainConfig().resolved(TRAIN_TEXT_FROM - 1)
    large = TrainConfig().resolved(TRAIN_TEXT_FROM)
    assert (small.train_text, large.train_text) == ("no", "yes")
    assert small.keep_text > 0 == large.keep_text
    assert TrainConfig(text_tower="lstm").resolved(10).train_text == "yes"
    assert TrainConfig(train_text="no").resolved(9999).train_text == "no"
    assert TrainConfig(batch_size=64).resolved(10).batch_size == 10
