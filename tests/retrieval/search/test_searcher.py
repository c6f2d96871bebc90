from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from embedding.model.encoder import Encoder
from retrieval.bundle.build import build_bundle
from retrieval.bundle.bundle import Bundle
from retrieval.bundle.sources import Candidate
from retrieval.errors import RetrievalError
from retrieval.search.confidence import Confidence
from retrieval.search.query import Query
from retrieval.search.searcher import Hit, Searcher
from retrieval.store.vectors import Vectors
from tests.fixtures.bundles import shape_candidates
from tests.fixtures.models import draw_shape
from tests.retrieval.stubs import StubEncoder


@pytest.fixture(scope="module")
def searcher(shapes_bundle: Bundle) -> Searcher:
    return shapes_bundle.searcher


@pytest.fixture(scope="module")
def vision(shapes_bundle: Bundle) -> Searcher:
    """A search that does not know the captions."""
    return shapes_bundle.make_searcher(words=False)


def kind(hit: Hit) -> str:
    return f"{hit.picture.metadata['color']} {hit.picture.metadata['shape']}"


def vectors_of(bundle: Bundle, hits: tuple[Hit, ...]) -> np.ndarray:
    return bundle.store.vectors([hit.picture.row for hit in hits])


def test_finds_what_is_asked_for(searcher: Searcher, vision: Searcher) -> None:
    for one in (searcher, vision):
        result = one.search(Query(texts=("a yellow star",)), 3)
        assert kind(result.hits[0]) == "yellow star"
        assert result.confident
        assert len(result.hits) == 3


def test_score_is_the_cosine_to_the_query(shapes_bundle: Bundle, vision: Searcher) -> None:
    hits = vision.search(Query(texts=("a blue ring",))).hits
    vector = shapes_bundle.encoder.encode_text(["a blue ring"])[0]
    expected = vectors_of(shapes_bundle, hits) @ vector
    assert [hit.score for hit in hits] == pytest.approx(expected, abs=1e-5)
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


def test_hits_carry_what_is_shown(searcher: Searcher) -> None:
    hit = searcher.search(Query(texts=("green triangles",)), 1).hits[0]
    assert hit.picture.captions == ("a green triangle", "a picture of a green triangle")
    assert hit.caption == "a green triangle"
    assert hit.reasons == ("visual", "caption:green", "caption:triangles")
    assert (hit.picture.width, hit.picture.height) == (160, 160)
    again = searcher.get(hit.image_id)
    assert again is not None
    assert (again.picture, again.caption, again.reasons) == (hit.picture, hit.caption, ())
    assert searcher.get("nothing") is None


def test_reasons_without_captions(vision: Searcher) -> None:
    assert {hit.reasons for hit in vision.search(Query(texts=("a red star",))).hits} == {
        ("visual",)
    }


def test_nonsense_is_not_answered_confidently(searcher: Searcher) -> None:
    for text in ("qxzv flurbish wopple", "hgjdk", "the of to her"):
        result = searcher.search(Query(texts=(text,)))
        assert not result.confident
        assert result.hits


def test_matching_texts_are_answered_confidently(vision: Searcher) -> None:
    texts = ["a red circle", "a picture of a green star", "purple ring", "a blue square"]
    assert all(vision.search(Query(texts=(text,))).confident for text in texts)


def test_a_text_that_the_captions_hold_is_confident_whatever_it_looks_like(
    shapes_bundle: Bundle,
) -> None:
    parts = (shapes_bundle.store, shapes_bundle.encoder)
    query = Query(texts=("black squares",))
    strict = Confidence(mean=2.0, deviation=1.0, by_looks=9.0, by_captions=9.0)
    assert Searcher(*parts, confidence=strict).search(query).confident
    assert not Searcher(*parts, confidence=strict, words=False).search(query).confident
    assert Searcher(*parts).search(query).confident is None, "nothing was measured"


@pytest.mark.parametrize("words", [True, False], ids=["with captions", "by looks alone"])
def test_what_the_gallery_has_not_is_refused_and_named(shapes_bundle: Bundle, words: bool) -> None:
    searcher = shapes_bundle.make_searcher(words=words)
    for text, word in (("an elephant", "elephant"), ("a bowl of soup", "soup")):
        result = searcher.search(Query(texts=(text,)))
        assert result.confident is False
        assert word in result.unknown
        assert result.hits
    assert searcher.search(Query(texts=("a green ring",))).unknown == ()
    liked = searcher.search(Query(texts=("a red ring",)), 1).hits[0].image_id
    # With a picture beside it, a word is no more all that was said.
    assert searcher.search(Query(texts=("an elephant",)).like(liked)).confident is None
    assert searcher.search(Query(texts=("an elephant",), liked=("gone",))).confident is None


def test_refinements_sharpen(vision: Searcher) -> None:
    query = Query(texts=("a circle",))
    refined = vision.search(query.refine("make it purple"), 1).hits[0]
    assert kind(refined) == "purple circle"


def test_similar_never_returns_the_picture_itself(searcher: Searcher) -> None:
    hit = searcher.search(Query(texts=("a red circle",)), 1).hits[0]
    result = searcher.search(Query(liked=(hit.image_id,)), 5)
    assert hit.image_id not in {one.image_id for one in result.hits}
    assert kind(result.hits[0]) == "red circle"
    assert {one.reasons for one in result.hits} == {("feedback",)}
    assert result.confident is None, "nothing was named that could fit"


def test_disliked_pictures_do_not_come_back(searcher: Searcher) -> None:
    query = Query(texts=("a red circle",))
    first = searcher.search(query, 1).hits[0]
    after = searcher.search(query.dislike(first.image_id), 6)
    assert first.image_id not in {hit.image_id for hit in after.hits}


def test_feedback_is_named_where_it_helped(searcher: Searcher) -> None:
    liked = searcher.search(Query(texts=("a blue star",)), 1).hits[0]
    hits = searcher.search(Query(texts=("a star",)).like(liked.image_id), 6).hits
    assert kind(hits[0]) == "blue star"
    assert "feedback" in hits[0].reasons


def test_an_upload_is_searched_by_its_looks(searcher: Searcher) -> None:
    picture = draw_shape("green", "ring", 99)
    result = searcher.search(Query(image="upload"), 2, image=picture)
    assert kind(result.hits[0]) == "green ring"
    assert result.hits[0].reasons == ("visual",)
    composed = searcher.search(Query(image="upload", texts=("a red ring",)), 1, image=picture)
    assert kind(composed.hits[0]).endswith("ring")


def test_exclusion_drops_by_captions_and_pushes_by_looks(
    searcher: Searcher, vision: Searcher
) -> None:
    query = Query(texts=("circle",))
    assert "red circle" in {kind(hit) for hit in searcher.search(query, 50).hits}
    # Stemmed, and whatever stands around the word.
    excluded = searcher.search(query.exclude("any reds"), 50)
    assert all("red" not in kind(hit) for hit in excluded.hits)
    before = vision.search(query, 50).hits
    after = vision.search(query.exclude("red"), 50).hits

    def mean_rank(hits: tuple[Hit, ...]) -> float:
        return float(
            np.mean([i for i, hit in enumerate(hits) if hit.picture.metadata["color"] == "red"])
        )

    assert mean_rank(after) > mean_rank(before)


def test_what_may_still_be_left_is_told(searcher: Searcher, vision: Searcher) -> None:
    query = Query(texts=("a red circle",)).exclude("red").exclude("star")
    assert searcher.search(query, 50).may_show == (), "captions rule them out"
    assert vision.search(query, 50).may_show == ("red", "star")
    assert vision.search(Query(texts=("a blue ring",)).exclude("red"), 3).may_show == ()


def test_an_exclusion_alone_shows_what_has_least_of_it(
    searcher: Searcher, vision: Searcher
) -> None:
    query = Query(excluded=("red",))
    for one in (searcher, vision):
        result = one.search(query, 10)
        assert "red" not in {hit.picture.metadata["color"] for hit in result.hits}
        assert (len(result.hits), result.confident) == (10, None)
        assert len({kind(hit) for hit in result.hits}) > 5


def test_what_was_seen_steps_back(vision: Searcher) -> None:
    query = Query(texts=("a red shape",))
    seen = [hit.image_id for hit in vision.search(query, 3).hits]
    plain = [hit.image_id for hit in vision.search(query.refine("red"), 3).hits]
    after = [hit.image_id for hit in vision.search(query.refine("red", seen), 3).hits]
    assert set(plain) & set(seen)
    assert len(set(after) & set(seen)) < len(set(plain) & set(seen))


def test_filters(searcher: Searcher) -> None:
    result = searcher.search(Query(texts=("a star",), filters=(("color", "blue"),)), 50)
    assert {hit.picture.metadata["color"] for hit in result.hits} == {"blue"}
    assert kind(result.hits[0]) == "blue star"
    alone = searcher.search(Query(filters=(("color", "blue"), ("shape", "ring"))), 50)
    assert {kind(hit) for hit in alone.hits} == {"blue ring"}
    assert {hit.reasons for hit in alone.hits} == {("filter",)}
    none = searcher.search(Query(texts=("a star",), filters=(("color", "pink"),)))
    assert (none.hits, none.confident, none.total) == ((), False, 0)


@pytest.mark.parametrize(
    "query", [Query(texts=("a red star",)), Query(filters=(("color", "red"),))]
)
def test_more_never_repeats_and_ends(searcher: Searcher, query: Query) -> None:
    shown: list[str] = []
    for _ in range(40):
        result = searcher.search(query, 4, shown=shown)
        new = [hit.image_id for hit in result.hits]
        assert not set(new) & set(shown)
        assert result.total >= len(new)
        shown += new
        if result.total == len(new):
            break
    assert searcher.search(query, 4, shown=shown).hits == ()
    assert searcher.search(query, 4, shown=shown).total == 0
    assert len(shown) > 5


def test_near_duplicates_are_folded(shapes_bundle: Bundle, searcher: Searcher) -> None:
    hits = searcher.search(Query(texts=("a circle",)), 90).hits
    vectors = vectors_of(shapes_bundle, hits)
    alike = shapes_bundle.manifest.cosines.near_duplicate
    assert alike == pytest.approx(0.98, abs=0.005)
    pairs = combinations(range(len(hits)), 2)
    assert all(float(vectors[i] @ vectors[j]) <= alike for i, j in pairs)
    # Every picture left out looks like one that is there.
    rows = sorted(set(range(90)) - {hit.picture.row for hit in hits})
    left_out = shapes_bundle.store.vectors(rows)
    assert rows
    assert ((left_out @ vectors.T).max(axis=1) > alike).all()


def test_shown_pictures_fold_their_duplicates_too(
    shapes_bundle: Bundle, searcher: Searcher
) -> None:
    query = Query(texts=("a black circle",))
    first = searcher.search(query, 1)
    more = searcher.search(query, 90, shown=[first.hits[0].image_id])
    similarity = vectors_of(shapes_bundle, more.hits) @ vectors_of(shapes_bundle, first.hits).T
    assert float(similarity.max()) <= shapes_bundle.manifest.cosines.near_duplicate


def test_bad_calls(searcher: Searcher) -> None:
    with pytest.raises(RetrievalError, match="query is empty"):
        searcher.search(Query())
    with pytest.raises(RetrievalError, match="k is 0"):
        searcher.search(Query(texts=("a",)), 0)
    with pytest.raises(RetrievalError, match="upload 'key' is gone"):
        searcher.search(Query(image="key"))


def test_blank_texts_and_vanished_pictures_are_no_signal(searcher: Searcher) -> None:
    result = searcher.search(Query(texts=(" ",), liked=("gone",), disliked=("gone",)), 3)
    assert len(result.hits) == 3
    assert all(hit.score == 0 for hit in result.hits)


@pytest.mark.parametrize(
    "text", ["\ud800", "\x00", "http://127.0.0.1:1/x.png", "/etc/passwd", "x" * 2000]
)
def test_whatever_is_typed_is_searched_as_text(searcher: Searcher, text: str) -> None:
    query = Query(texts=(text,), liked=(text,), disliked=(text,), excluded=(text, ""))
    assert len(searcher.search(query, 3, shown=[text]).hits) == 3
    assert searcher.search(query.filter("color", text)).hits == ()
    assert searcher.get(text) is None


def test_gallery_and_model_belong_together(shapes_bundle: Bundle) -> None:
    with pytest.raises(RetrievalError, match="do not belong together"):
        Searcher(shapes_bundle.store, StubEncoder())


def test_several_threads_get_what_one_gets(searcher: Searcher) -> None:
    queries = [
        Query(texts=(f"a {color} {shape}",))
        for color in ("red", "blue", "black")
        for shape in ("circle", "ring", "star", "square")
    ]
    alone = [[hit.image_id for hit in searcher.search(query).hits] for query in queries]
    searcher._texts.clear()
    with ThreadPoolExecutor(6) as pool:
        together = list(
            pool.map(lambda q: [hit.image_id for hit in searcher.search(q).hits], queries)
        )
    assert together == alone


class NoisyEncoder(StubEncoder):
    """An encoder that adds its numbers up in another order every time."""

    def __init__(self, encoder: Encoder, seed: int) -> None:
        super().__init__()
        self.dimension = encoder.dimension
        self._encoder = encoder
        self._random = np.random.default_rng(seed)

    def encode_text(self, texts: Sequence[str]) -> Vectors:
        vectors = self._encoder.encode_text(texts)
        noise = self._random.uniform(-1, 1, vectors.shape) * 2e-8
        return (vectors + noise).astype(np.float32)


@pytest.mark.parametrize("words", [True, False], ids=["with captions", "by looks alone"])
def test_an_answer_hangs_on_no_noise_of_the_arithmetic(shapes_bundle: Bundle, words: bool) -> None:
    """Variants of a shape share their captions, so that many scores are the same but for noise."""
    queries = [
        Query(texts=texts, excluded=excluded)
        for texts in (("a star",), ("something red", "a ring"), ("black",))
        for excluded in ((), ("circles",))
    ]

    def answers(encoder: Encoder) -> list[list[str]]:
        searcher = shapes_bundle.make_searcher(encoder, words=words)
        return [[hit.image_id for hit in searcher.search(one, 20).hits] for one in queries]

    expected = answers(shapes_bundle.encoder)
    for seed in range(5):
        assert answers(NoisyEncoder(shapes_bundle.encoder, seed)) == expected


def test_common_words_do_not_hijack_a_request(
    shapes_dir: Path, shapes_model_dir: Path, bundles_copy: Path
) -> None:
    """One picture's caption is made of nothing but the words around the request."""
    candidates = shape_candidates(shapes_dir)
    decoy = candidates[0]
    candidates[0] = Candidate(decoy.path, ("I want to find something for her",), decoy.metadata)
    report = build_bundle(
        candidates, root=shapes_dir, model_dir=shapes_model_dir, bundles=bundles_copy
    )
    with Bundle.open(bundles_copy, report.version) as bundle:
        for text in ("I want a green star for her", "something to find: a green star"):
            hits = bundle.searcher.search(Query(texts=(text,)), 3).hits
            assert kind(hits[0]) == "green star"
            assert "caption:her" not in hits[0].reasons
        assert bundle.searcher.search(Query(texts=("to her",)), 3).hits


def test_captions_find_what_vision_cannot(
    shapes_dir: Path, shapes_model_dir: Path, bundles_copy: Path
) -> None:
    candidates = shape_candidates(shapes_dir)
    candidates[40] = Candidate(candidates[40].path, ("the flag of Zubrowka",), {})
    report = build_bundle(
        candidates, root=shapes_dir, model_dir=shapes_model_dir, bundles=bundles_copy
    )
    with Bundle.open(bundles_copy, report.version) as bundle:
        hit = bundle.searcher.search(Query(texts=("flags of Zubrowka",)), 3).hits[0]
        assert hit.caption == "the flag of Zubrowka"
        assert "caption:zubrowka" in hit.reasons


def test_a_gallery_without_captions_is_searched_by_looks(
    shapes_dir: Path, shapes_model_dir: Path, bundles_copy: Path
) -> None:
    candidates = [Candidate(one.path, (), one.metadata) for one in shape_candidates(shapes_dir)]
    report = build_bundle(
        candidates, root=shapes_dir, model_dir=shapes_model_dir, bundles=bundles_copy
    )
    with Bundle.open(bundles_copy, report.version) as bundle:
        assert bundle.manifest.confidence.by_captions is None
        result = bundle.searcher.search(Query(texts=("a purple square",)), 3)
        assert kind(result.hits[0]) == "purple square"
        assert result.confident
        assert result.hits[0].caption == ""
        assert not bundle.searcher.search(Query(texts=("hgjdk wplx",))).confident
