"""A name stands for a model that comes with the installation."""

import json

import pytest

from embedding.errors import ModelError
from embedding.packages import PHOTOS, PHOTOS_LIGHT, SHIPPED
from embedding.pretrained.names import shipped_model_path
from embedding.pretrained.shipped import CARD, MANIFEST, SHIPPED_DIR, describe_shipped


def test_shipped_models_are_where_it_says() -> None:
    assert (shipped_model_path("minilm") / "modules.json").is_file()
    assert shipped_model_path("efficientnet-lite0").name == "efficientnet-lite0-57934424.pth"
    assert shipped_model_path("efficientnet-lite1").name == "efficientnet-lite1-77cc7160.pth"
    assert shipped_model_path("efficientnet-lite2").name == "efficientnet-lite2-9656183e.pth"
    with pytest.raises(ModelError, match=f"'resnet'.*{', '.join(SHIPPED)}"):
        shipped_model_path("resnet")


@pytest.mark.parametrize(("name", "megabytes"), [(PHOTOS, 50), (PHOTOS_LIGHT, 20)])
def test_the_joint_models_are_packed_under_their_names(name: str, megabytes: int) -> None:
    packed = SHIPPED_DIR / name
    manifest = json.loads((packed / MANIFEST).read_text(encoding="utf-8"))
    assert manifest["name"] == name
    # Typical requests and, of its texts, what int8 costs come with it; no caption does.
    about = json.loads((packed / "files" / "showtell.json").read_text(encoding="utf-8"))
    assert about["onnx"]["text"] in {"float32", "int8"}
    assert "requests.npz" in manifest["files"]
    assert "requests" not in about
    assert (packed / CARD).is_file()
    assert "Flickr8k" in describe_shipped(name)
    size = sum(path.stat().st_size for path in packed.rglob("*") if path.is_file())
    assert size < megabytes * 1_000_000
