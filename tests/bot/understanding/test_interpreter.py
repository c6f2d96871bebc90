"""Intents: by cross-validation, on a held-out file, and in the forms that Rasa knows."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import yaml
from sklearn.model_selection import StratifiedKFold

from bot.understanding.intents import IntentClassifier
from bot.understanding.interpreter import (
    Interpreter,
    build_interpreter,
    texts_and_intents,
)
from bot.understanding.rasa_project import RasaProject
from embedding.model.encoder import SentenceEncoder

HELD_OUT = Path(__file__).parent / "held_out.yml"
LEAST_CROSS_VALIDATED, LEAST_HELD_OUT = 0.95, 0.95


@pytest.fixture(scope="module")
def project() -> RasaProject:
    return RasaProject.load()


class Recall:
    """The sentence encoder, each text encoded once for all tests here."""

    def __init__(self, encoder: SentenceEncoder) -> None:
        self._encode = encoder.encode_sentences
        self._known: dict[str, npt.NDArray[np.float32]] = {}

    def __call__(self, texts: list[str]) -> npt.NDArray[np.float32]:
        missing = [text for text in dict.fromkeys(texts) if text not in self._known]
        if missing:
            self._known |= zip(missing, self._encode(missing), strict=True)
        return np.stack([self._known[text] for text in texts])


@pytest.fixture(scope="module")
def encode(sentence_encoder: SentenceEncoder) -> Recall:
    return Recall(sentence_encoder)


@pytest.fixture(scope="module")
def interpreter(project: RasaProject, encode: Recall) -> Interpreter:
    return Interpreter(project, encode)


def test_cross_validated_accuracy(
    project: RasaProject, encode: Recall, sentence_encoder: SentenceEncoder
) -> None:
    texts, intents = (np.array(column) for column in texts_and_intents(project.examples))
    known = sentence_encoder.known_words.__contains__
    right = 0
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    for train, test in folds.split(texts, intents):
        classifier = IntentClassifier(encode, known)
        classifier.fit(list(texts[train]), list(intents[train]))
        predicted = [ranking[0][0] for ranking in classifier.rank(list(texts[test]))]
        right += int((intents[test] == predicted).sum())
    assert right / len(texts) >= LEAST_CROSS_VALIDATED, f"{right} of {len(texts)}"


def test_held_out_accuracy(project: RasaProject, interpreter: Interpreter, encode: Recall) -> None:
    held_out: dict[str, list[str]] = yaml.safe_load(HELD_OUT.read_text(encoding="utf-8"))
    encode([text.lower() for texts in held_out.values() for text in texts])  # in one batch
    assert held_out.keys() == set(project.intents)
    known = {example.text.lower().strip(" ?!.") for example in project.examples}
    wrong = []
    total = 0
    for intent, texts in held_out.items():
        for text in texts:
            assert text.lower().strip(" ?!.") not in known, f"{text!r} is in nlu.yml"
            total += 1
            understood = interpreter.parse(text).intent
            if understood != intent:
                wrong.append(f"{text!r}: {understood}, not {intent}")
    assert 1 - len(wrong) / total >= LEAST_HELD_OUT, "\n".join(wrong)


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("a dog", "search_images"),
        ("two dogs playing in the snow", "search_images"),
        ("something sweet to eat", "search_images"),
        ("I want to congratulate her", "search_images"),
        ("SUNSET", "search_images"),
        ("on a beach", "refine_search"),
        ("make it red", "refine_search"),
        ("no dogs", "exclude_from_search"),
        ("show me mroe", "more_images"),
        ("more like the second one", "similar_to_image"),
        ("not that one", "unlike_image"),
        ("what is in the third one?", "describe_image"),
        ("go back", "undo_search"),
        ("start over", "restart_search"),
        ("what's the weather", "out_of_scope"),
        ("what\u2019s the weather", "out_of_scope"),
        ("tell me a joke", "out_of_scope"),
        ("gfhj kjlh", "out_of_scope"),
    ],
)
def test_plain_cases(interpreter: Interpreter, text: str, intent: str) -> None:
    understanding = interpreter.parse(text)
    assert understanding.intent == intent, understanding.intent_ranking[:3]
    assert understanding.confidence == understanding.intent_ranking[0]["confidence"]


def test_the_ranking_is_complete_and_sorted(interpreter: Interpreter, project: RasaProject) -> None:
    ranking = interpreter.parse("a dog").intent_ranking
    shares = [entry["confidence"] for entry in ranking]
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) == pytest.approx(1)
    assert Counter(entry["name"] for entry in ranking) == Counter(project.intents)


@pytest.mark.parametrize(
    ("payload", "intent", "values"),
    [
        ("/more_images", "more_images", {}),
        ('/similar_to_image{"image": "abc"}', "similar_to_image", {"image": "abc"}),
        ('/unlike_image{"position": 2}', "unlike_image", {"position": 2}),
        ("/help@0.9", "help", {}),
        ("/help{broken}", "help", {}),
    ],
)
def test_payloads(
    interpreter: Interpreter, payload: str, intent: str, values: dict[str, object]
) -> None:
    understanding = interpreter.parse(payload)
    assert (understanding.intent, understanding.confidence) == (intent, 1.0)
    assert {entity["entity"]: entity["value"] for entity in understanding.entities} == values


@pytest.mark.parametrize("text", ["/etc/passwd", "/dance", "/", "and/or a dog", "/more_images x"])
def test_other_texts_with_slashes_are_texts(interpreter: Interpreter, text: str) -> None:
    assert interpreter.parse(text).confidence < 1


@pytest.mark.parametrize("text", ["", "?", "x" * 2000, "😀", "a\nb\tc", "ノート", "{query}"])
def test_anything_can_be_parsed(interpreter: Interpreter, text: str) -> None:
    rasa = interpreter.parse(text).to_rasa()
    assert rasa.keys() == {"text", "intent", "entities", "intent_ranking"}
    assert rasa["text"] == text


def test_the_examples_are_encoded_once_for_a_model(
    project: RasaProject,
    sentence_encoder: SentenceEncoder,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    small = RasaProject(
        project.directory, project.domain, project.examples[::10], project.synonyms, project.rules
    )
    first = build_interpreter(small, sentence_encoder, tmp_path).parse("a dog")
    (kept,) = tmp_path.glob("nlu-*.npy")
    sizes: list[int] = []
    encode = sentence_encoder.encode_sentences

    def count(texts: list[str]) -> npt.NDArray[np.float32]:
        sizes.append(len(texts))
        return encode(texts)

    monkeypatch.setattr(sentence_encoder, "encode_sentences", count)
    assert build_interpreter(small, sentence_encoder, tmp_path).parse("a dog") == first
    assert sizes == [1], "only the message itself was to be encoded"
    kept.write_bytes(b"damaged")
    assert build_interpreter(small, sentence_encoder, tmp_path).parse("a dog") == first
    assert sizes == [1, len(small.examples), 1]


def test_an_emoji_is_understood_by_its_name(interpreter: Interpreter) -> None:
    (query,) = (search := interpreter.parse("\U0001f436")).entities
    assert (search.text, search.intent) == ("\U0001f436", "search_images")
    assert (query["value"], query["start"], query["end"]) == ("dog face", 0, 1)
    (rating,) = (thumb := interpreter.parse("\U0001f44e")).entities
    assert (thumb.intent, rating["value"]) == ("rate_image", "down")
