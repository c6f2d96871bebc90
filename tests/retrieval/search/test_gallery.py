"""What a gallery tells without being searched."""

import numpy as np
import pytest

from retrieval.bundle.bundle import Bundle
from retrieval.errors import RetrievalError
from retrieval.search.encoding import Encoded
from retrieval.search.searcher import Searcher
from tests.fixtures.models import COLORS, SHAPES


@pytest.fixture(scope="module")
def searcher(shapes_bundle: Bundle) -> Searcher:
    return shapes_bundle.searcher


def test_a_page_to_browse_is_more_different_than_any_search(
    shapes_bundle: Bundle, searcher: Searcher
) -> None:
    result = searcher.browse(6)
    assert len(result.hits) == 6
    assert (result.total, result.confident) == (90, None)
    assert result.hits == searcher.browse(6).hits
    vectors = shapes_bundle.store.vectors(result.ranked)
    between = (vectors @ vectors.T)[np.triu_indices(6, 1)]
    everything = shapes_bundle.store.vectors(range(90))
    usual = (everything @ everything.T)[np.triu_indices(90, 1)]
    assert between.mean() < usual.mean()
    assert between.max() < shapes_bundle.manifest.cosines.near_duplicate


def test_the_next_page_is_another(searcher: Searcher) -> None:
    shown: list[str] = []
    for _ in range(3):
        page = [hit.image_id for hit in searcher.browse(6, shown=shown).hits]
        assert len(page) == 6
        assert not {*page} & {*shown}
        shown += page
    turned = [hit.image_id for hit in searcher.browse(3, turn=1).hits]
    assert turned != [hit.image_id for hit in searcher.browse(3).hits]


def test_browsing_keeps_to_filters_and_ends(searcher: Searcher) -> None:
    blue = (("color", "blue"),)
    page = searcher.browse(4, filters=blue)
    assert {hit.picture.metadata["color"] for hit in page.hits} == {"blue"}
    assert page.total == 15
    everything = searcher.browse(90, filters=blue)
    assert 4 < len(everything.hits) == everything.total <= 15
    rest = searcher.browse(90, filters=blue, shown=[hit.image_id for hit in everything.hits])
    assert (rest.hits, rest.total) == ((), 0)
    with pytest.raises(RetrievalError, match="k is 0"):
        searcher.browse(0)


def test_comparing_tells_which_phrase_a_picture_shows(
    shapes_bundle: Bundle, searcher: Searcher
) -> None:
    phrases = [f"a {color} shape" for color in COLORS]
    plan = searcher.plan_compare([*phrases, phrases[0]])
    assert len(plan.texts) == 3 * len(COLORS)
    vectors = shapes_bundle.encoder.encode_text(plan.texts)
    encoded = Encoded(dict(zip(plan.texts, vectors, strict=True)))
    pictures = shapes_bundle.store.pictures(range(90))
    ids = [one.image_id for one in pictures]
    table = searcher.compare([*ids, "gone"], phrases, encoded)
    assert table.shape == (91, len(COLORS))
    assert np.isnan(table[-1]).all()
    told = [list(COLORS)[i] for i in table[:-1].argmax(axis=1)]
    right = [one.metadata["color"] == color for one, color in zip(pictures, told, strict=True)]
    assert np.mean(right) > 0.9
    # In standard deviations of the gallery.
    assert table[:-1].mean(axis=0) == pytest.approx(np.zeros(len(COLORS)), abs=1e-3)
    assert table[:-1].std(axis=0) == pytest.approx(np.ones(len(COLORS)), abs=1e-3)


def test_a_phrase_without_words_is_named(searcher: Searcher) -> None:
    with pytest.raises(RetrievalError, match="'\\?' has no words"):
        searcher.plan_compare(["a red shape", "?"])


def test_the_vocabulary_counts_the_captions_words(searcher: Searcher) -> None:
    vocabulary = searcher.vocabulary()
    assert vocabulary is searcher.vocabulary()
    assert vocabulary["red"] == 2 * 3 * len(SHAPES)
    assert vocabulary["picture"] == 90
    assert set(vocabulary) == {"a", "picture", "of", *COLORS, *SHAPES}


def test_a_gallery_of_no_scenes_is_told_by_its_captions_words(searcher: Searcher) -> None:
    kinds = searcher.kinds()
    assert kinds is searcher.kinds()
    assert {group.label for group in kinds} <= {*COLORS, *SHAPES}
    shares = [group.share for group in kinds]
    assert shares == sorted(shares, reverse=True)
    for group in kinds:
        assert group.share == pytest.approx(1 / (5 if group.label in SHAPES else 6))
        for image_id in group.image_ids:
            hit = searcher.get(image_id)
            assert hit is not None
            assert group.label in hit.picture.metadata.values()


def test_without_captions_looks_tell_of_what_a_gallery_is_made(shapes_bundle: Bundle) -> None:
    kinds = shapes_bundle.make_searcher(words=False).kinds()
    assert kinds
    assert sum(group.share for group in kinds) <= 1
    assert all(len(group.image_ids) >= 1 for group in kinds)
