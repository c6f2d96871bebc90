from collections import Counter
from pathlib import Path

from embedding.languages.lessons import (
    LANGUAGES,
    lessons,
    made_sentences,
    translated_sentences,
)

BENCHMARK = Path(__file__).parents[3] / "benchmarks" / "languages"


def test_each_sentence_is_known_in_two_or_in_all_languages() -> None:
    sentences = translated_sentences()
    assert set(Counter(map(len, sentences))) == {2, len(LANGUAGES)}
    assert all(text == text.strip() and text for sentence in sentences for text in sentence)
    english = Counter(sentence[0] for sentence in sentences)
    assert [text for text, count in english.items() if count > 1] == []


def test_sentences_are_put_together_alike_in_all_languages() -> None:
    made = made_sentences(300)
    assert made == made_sentences(300)
    assert made != made_sentences(300, seed=1)
    assert {len(sentence) for sentence in made} == {len(LANGUAGES)}
    (hound,) = {s[1] for s in made_sentences(2500) if s[0] == "a horse barks"}
    assert hound == "ein Pferd bellt"
    # One form of the two was chosen in each.
    assert not any("/" in text for sentence in made for text in sentence)


def test_lessons_name_the_english_of_each_text() -> None:
    taught = lessons(["a picture of nothing"])
    assert ("a picture of nothing", "a picture of nothing") in taught
    assert taught.count(("Hunde am Strand", "dogs on the beach")) == 2
    assert ("des chiens sur la plage", "dogs on the beach") in taught


def test_nothing_of_the_benchmark_is_taught() -> None:
    asked = {
        line.split("\t")[1].lower()
        for path in BENCHMARK.glob("*.tsv")
        for line in path.read_text(encoding="utf-8").splitlines()
    }
    assert len(asked) > 380
    assert not asked & {text.lower() for text, _ in lessons()}
