"""A name stands for a model that comes with the installation."""

import pytest

from embedding.errors import ModelError
from embedding.packages import SHIPPED
from embedding.pretrained.names import shipped_model_path


def test_shipped_models_are_where_it_says() -> None:
    assert (shipped_model_path("minilm") / "modules.json").is_file()
    assert shipped_model_path("efficientnet-lite0").name == "efficientnet-lite0-57934424.pth"
    assert shipped_model_path("efficientnet-lite1").name == "efficientnet-lite1-77cc7160.pth"
    assert shipped_model_path("efficientnet-lite2").name == "efficientnet-lite2-9656183e.pth"
    with pytest.raises(ModelError, match=f"'resnet'.*{', '.join(SHIPPED)}"):
        shipped_model_path("resnet")
