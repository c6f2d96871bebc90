"""What is said of the models that can be named is whole, and each is pinned."""

import re

from embedding.packages import PHOTOS
from embedding.pretrained.catalogue import KNOWN, known_model


def test_names_are_unique_and_one_is_the_default() -> None:
    names = [model.name for model in KNOWN]
    assert len({*names}) == len(names)
    assert [model.name for model in KNOWN if model.is_default] == [PHOTOS]


def test_each_model_of_the_hub_is_pinned_to_a_commit() -> None:
    sources = [source for model in KNOWN for source in model.sources]
    assert len(sources) == 6
    for source in sources:
        assert re.fullmatch(r"[0-9a-f]{40}", source.revision), source
        assert source.repository.count("/") == 1


def test_a_figure_says_of_which_data_and_who_published_it() -> None:
    for model in KNOWN:
        if model.recall is not None:
            assert 0 < model.recall.r1 < 100
            assert model.recall.data
            assert model.recall.source


def test_a_name_may_have_capital_letters() -> None:
    clip = known_model("CLIP")
    assert clip
    assert clip.name == "clip"
    assert known_model("no-such-model") is None
