"""Examples of what to ask for come from the gallery, and are answered well."""

from retrieval.bundle.examples import choose_examples
from retrieval.bundle.manifest import Manifest
from retrieval.search.query import Query


def test_a_gallery_proposes_what_it_answers_well(shapes_bundle):
    examples = shapes_bundle.manifest.examples
    assert len(examples) == len(set(examples)) == 3
    for example in examples:
        first = shapes_bundle.searcher.search(Query(texts=(example,)), 1).hits[0]
        assert any(example in caption for caption in first.picture.captions)


def test_nothing_is_proposed_that_nobody_would_find(shapes_bundle):
    searcher, encoder = shapes_bundle.searcher, shapes_bundle.encoder
    assert choose_examples(searcher, encoder, [["a zeppelin ride"]], by_captions=True) == []


def test_a_manifest_without_examples_is_read(shapes_bundle):
    told = shapes_bundle.manifest.model_dump_json(exclude={"examples"})
    assert Manifest.model_validate_json(told).examples == []
