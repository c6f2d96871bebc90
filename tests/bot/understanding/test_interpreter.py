"""Intents: by cross-validation, on a held-out file, and in the forms that Rasa knows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import yaml
from sklearn.model_selection import StratifiedKFold

from bot.channels.rasa_wire import parse_result
from bot.understanding.intents import IntentClassifier, clean
from bot.understanding.interpreter import Interpreter
from bot.understanding.learned import build_interpreter
from bot.understanding.rasa_project import RasaProject
from bot.understanding.reading import Reading
from embedding.model.encoder import SentenceEncoder

HELD_OUT = Path(__file__).parent / "held_out.yml"
LEAST_CROSS_VALIDATED, LEAST_HELD_OUT = 0.95, 0.95


@pytest.fixture(scope="module")
def project() -> RasaProject:
    return RasaProject.load()


def test_cross_validated_accuracy(
    project: RasaProject, interpreter: Interpreter, sentence_encoder: SentenceEncoder
) -> None:
    texts, intents = (np.array(column) for column in project.texts_and_intents())
    vectors = dict(zip(map(clean, texts), interpreter.arrays()["sentences"], strict=True))

    def encode(some: list[str]) -> npt.NDArray[np.float32]:
        missing = [text for text in some if text not in vectors]  # typing errors mended
        if missing:
            vectors.update(zip(missing, sentence_encoder.encode_sentences(missing), strict=True))
        return np.stack([vectors[text] for text in some])

    known = sentence_encoder.known_words.__contains__
    right = 0
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    for train, test in folds.split(texts, intents):
        classifier = IntentClassifier(encode, known)
        classifier.fit(list(texts[train]), list(intents[train]))
        predicted = [ranking[0][0] for ranking in classifier.rank(list(texts[test]))]
        right += int((intents[test] == predicted).sum())
    assert right / len(texts) >= LEAST_CROSS_VALIDATED, f"{right} of {len(texts)}"


def test_held_out_accuracy(project: RasaProject, interpreter: Interpreter) -> None:
    held_out: dict[str, list[str]] = yaml.safe_load(HELD_OUT.read_text(encoding="utf-8"))
    assert held_out.keys() == set(project.intents) - {"drop_from_search"}
    known = {example.text.lower().strip(" ?!.") for example in project.examples}
    wrong = []
    total = 0
    for intent, texts in held_out.items():
        for text in texts:
            assert text.lower().strip(" ?!.") not in known, f"{text!r} is in nlu.yml"
            total += 1
            understood = interpreter.read(text).intent
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
        ("perfect, thanks!", "thank"),
        ("perfect", "rate_image"),
        # A name or a number alone; who names a thing in a chat about pictures wants to see it.
        ("Rembrandt", "search_images"),
        ("Frida Kahlo", "search_images"),
        ("hahaha", "out_of_scope"),
        ("joke", "out_of_scope"),
        ("3", "similar_to_image"),
        ("number 4", "similar_to_image"),
        # What is thought of pictures, whatever a classifier makes of it.
        ("2 is way off", "rate_image"),
        ("4 is perfect, 2 is wrong", "similar_to_image"),
        ("4 is perfect. 2 is wrong.", "similar_to_image"),
        ("I can't get enough of these, keep them coming", "more_images"),
    ],
)
def test_plain_cases(interpreter: Interpreter, text: str, intent: str) -> None:
    reading = interpreter.read(text)
    assert reading.intent == intent, reading.ranking[:3]
    assert reading.confidence == reading.ranking[0][1]


def test_the_ranking_is_complete_and_sorted(interpreter: Interpreter, project: RasaProject) -> None:
    ranking = interpreter.read("a dog").ranking
    shares = [share for _, share in ranking]
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) == pytest.approx(1)
    names = [name for name, _ in ranking]
    assert sorted(names) == sorted({example.intent for example in project.examples})


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
    reading = interpreter.read(payload)
    assert (reading.intent, reading.confidence) == (intent, 1.0)
    assert {span.name: span.value for span in reading.spans} == values


@pytest.mark.parametrize("text", ["/etc/passwd", "/dance", "/", "and/or a dog", "/more_images x"])
def test_other_texts_with_slashes_are_texts(interpreter: Interpreter, text: str) -> None:
    assert interpreter.read(text).confidence < 1


@pytest.mark.parametrize("text", ["", "?", "x" * 2000, "😀", "a\nb\tc", "ノート", "{query}"])
def test_anything_can_be_parsed(interpreter: Interpreter, text: str) -> None:
    rasa = parse_result(interpreter.read(text))
    assert rasa.keys() == {"text", "intent", "entities", "intent_ranking"}
    assert rasa["text"] == text


def test_what_was_learned_is_kept_and_learned_anew_when_it_is_damaged(
    project: RasaProject, sentence_encoder: SentenceEncoder, tmp_path: Path
) -> None:
    # It is learned six times.
    small = replace(project, examples=project.examples[::50])
    counted = Counted(sentence_encoder)
    texts = ("dogs without people", "more like the second one")

    def read() -> list[Reading]:
        interpreter = build_interpreter(small, counted, tmp_path)
        return [interpreter.read(text) for text in texts]

    first = read()
    (kept,) = tmp_path.iterdir()
    assert kept.stat().st_size < 6_000_000
    counted.texts.clear()
    assert read() == first
    assert len(counted.texts) == len(texts), "only the messages were to be encoded"
    whole = kept.read_bytes()
    middle = len(whole) // 2
    for damaged in (b"", b"damaged", whole[:-100], whole[:middle] + b"xxxx" + whole[middle + 4 :]):
        kept.write_bytes(damaged)
        counted.texts.clear()
        assert read() == first
        assert len(counted.texts) == len(small.examples) + len(texts)
        assert kept.read_bytes() != damaged
    counted.fingerprint = "another"
    read()
    assert len(list(tmp_path.iterdir())) == 2


def test_an_emoji_is_understood_by_its_name(interpreter: Interpreter) -> None:
    (query,) = (search := interpreter.read("\U0001f436")).spans
    assert (search.text, search.intent) == ("\U0001f436", "search_images")
    assert (query.value, query.start, query.end) == ("dog face", 0, 1)
    (rating,) = (thumb := interpreter.read("\U0001f44e")).spans
    assert (thumb.intent, rating.value) == ("rate_image", "down")


@pytest.mark.parametrize(
    ("text", "intent", "wish", "excluded"),
    [
        ("dogs but no people", "search_images", "dogs", ["people"]),
        ("show me dogs without people", "search_images", "dogs", ["people"]),
        ("animals except dogs, please", "search_images", "animals", ["dogs"]),
        ("a dog that is not black", "search_images", "a dog", ["black"]),
        ("a room without chairs or tables", "search_images", "a room", ["chairs", "tables"]),
        ("with dogs but without people", "refine_search", "with dogs", ["people"]),
        ("no people, just a beach", "refine_search", "a beach", ["people"]),
        ("no people, no dogs", "exclude_from_search", None, ["people", "dogs"]),
        ("no swings or slides", "exclude_from_search", None, ["swings", "slides"]),
        ("neither people nor dogs", "exclude_from_search", None, ["people", "dogs"]),
        ("the same but no snow", "exclude_from_search", None, ["snow"]),
        ("I could do without the snow", "exclude_from_search", None, ["the snow"]),
        ("no, I meant a woman", "search_images", "a woman", []),
    ],
)
def test_what_is_wanted_and_what_is_not(
    interpreter: Interpreter, text: str, intent: str, wish: str | None, excluded: list[str]
) -> None:
    reading = interpreter.read(text)
    assert reading.intent == intent, reading
    assert next((s.value for s in reading.spans if s.name == "query"), None) == wish
    assert [span.value for span in reading.spans if span.name == "excluded"] == excluded
    for span in reading.spans:
        assert text[span.start : span.end] == span.value


def test_a_correction_says_that_it_takes_the_place_of_something(interpreter: Interpreter) -> None:
    (query,) = interpreter.read("no, I meant a woman").spans
    assert (query.value, query.role) == ("a woman", "replace")
    (query,) = interpreter.read("make it blue").spans
    assert (query.value, query.role) == ("blue", "exchange")
    (query,) = interpreter.read("a woman").spans
    assert query.role == ""


class Counted:
    """The sentence encoder, which counts what it is asked for."""

    def __init__(self, encoder: SentenceEncoder) -> None:
        self.fingerprint, self.known_words = encoder.fingerprint, encoder.known_words
        self.texts: list[str] = []
        self._encoder = encoder

    def encode_sentences(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        self.texts += texts
        return self._encoder.encode_sentences(texts)


def _tenth(project: RasaProject) -> RasaProject:
    return replace(project, examples=project.examples[::10])


def test_a_text_is_encoded_once_whatever_asks(
    project: RasaProject, sentence_encoder: SentenceEncoder, tmp_path: Path
) -> None:
    counted = Counted(sentence_encoder)
    interpreter = build_interpreter(_tenth(project), counted, tmp_path)
    counted.texts.clear()
    for text in ("a dog", "a beach", "the dog is white", "the dog is white"):
        interpreter.read(text)
    interpreter.closeness("The dog is white", ("a dog", "a beach"))
    assert counted.texts == ["a dog", "a beach", "the dog is white"]


@pytest.mark.parametrize(
    ("text", "is_planned"),
    [
        ("Show me  a dog", True),
        ("a gril on a beach", True),
        ("/more_images", False),
        ("a dog on a beach " * 20, False),
        ("hello! and now a cat", False),
        ("dogs but no people", False),
    ],
)
def test_what_was_planned_need_not_be_encoded_to_read(
    project: RasaProject,
    sentence_encoder: SentenceEncoder,
    nlu_cache: Path,
    text: str,
    is_planned: bool,
) -> None:
    counted = Counted(sentence_encoder)
    interpreter = build_interpreter(project, counted, nlu_cache)
    plan = interpreter.plan(text)
    assert bool(plan) == is_planned
    if plan:
        interpreter.vectors.keep(
            dict(zip(plan, sentence_encoder.encode_sentences(plan), strict=True))
        )
    counted.texts.clear()
    interpreter.read(text)
    assert bool(counted.texts) == (not plan and not text.startswith("/"))


class Squeezed(Counted):
    """The sentence encoder with all its cosines shifted up and squeezed, as CLIP's are."""

    def encode_sentences(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        vectors = 0.6 * super().encode_sentences(texts)
        same = np.full((len(vectors), 1), 0.8, np.float32)
        return np.hstack([vectors, same]).astype(np.float32)


def test_closeness_says_the_same_whatever_the_cosines_are(
    project: RasaProject, sentence_encoder: SentenceEncoder
) -> None:
    plain, squeezed = (
        build_interpreter(_tenth(project), encoder)
        for encoder in (sentence_encoder, Squeezed(sentence_encoder))
    )
    for text in ("the circle is round and blue", "people wait for the bus"):
        close = plain.closeness(text, ("a blue circle",))
        assert squeezed.closeness(text, ("a blue circle",)) == pytest.approx(close, abs=0.01)
    assert plain.closeness("the circle is round and blue", ("a blue circle",)) > 4
    assert plain.closeness("people wait for the bus", ("a blue circle",)) < 1
    assert plain.closeness("", ("a dog",)) == plain.closeness("a dog", ()) == 0
