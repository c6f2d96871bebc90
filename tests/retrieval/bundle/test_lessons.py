"""What is learned from: the gallery's captions, and what people put right."""

from pathlib import Path

import pytest

from retrieval.bundle.bundle import Bundle
from retrieval.bundle.lessons import gather
from retrieval.errors import RetrievalError


def test_captions_and_corrections_of_the_pictures_they_name(
    jargon_bundles: Path, shapes_dir: Path
) -> None:
    with Bundle.open(jargon_bundles) as bundle:
        material = gather(
            bundle,
            {
                "red-star-0.png": ["Stella in red", "Stella Opal No. 0"],
                str(shapes_dir.resolve() / "red-star-1.png"): ["another Stella"],
                "gone.png": ["nothing"],
                "../red-star-2.png": ["nothing"],
            },
        )
    of_picture = {
        path: [
            text
            for text, owner in zip(material.captions, material.lessons.owners, strict=True)
            if material.pictures[owner].path == path
        ]
        for path in ("red-star-0.png", "red-star-1.png", "red-star-2.png")
    }
    assert of_picture == {
        "red-star-0.png": ["Stella Opal No. 0", "Stella in red"],
        "red-star-1.png": ["Stella Opal No. 1", "another Stella"],
        "red-star-2.png": ["Stella Opal No. 2"],
    }
    assert material.lessons.texts.shape == (92, 64)
    assert material.lessons.pictures.shape == (90, 64)
    assert [item.what for item in material.skipped] == ["gone.png", "../red-star-2.png"]


def test_a_gallery_without_captions_teaches_nothing(
    jargon_bundles: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("retrieval.bundle.lessons.LEAST_PICTURES", 91)
    with (
        Bundle.open(jargon_bundles) as bundle,
        pytest.raises(RetrievalError, match="90 pictures have captions; 91 are needed"),
    ):
        gather(bundle, {})
