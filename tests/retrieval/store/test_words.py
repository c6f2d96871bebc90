import pytest

from retrieval.store.words import content_words, exclusion_phrase, singular, tokens, valid_text


def test_content_words_leave_out_what_names_nothing() -> None:
    assert content_words("I want to congratulate her") == ["congratulate"]
    assert content_words("Something SWEET to eat, sweet!") == ["sweet", "eat"]
    assert content_words("don't you") == []


def test_tokens_are_letters_and_digits_of_any_script() -> None:
    assert tokens("O'Neil_99 Äpfel «犬»") == ["o", "neil", "99", "äpfel", "犬"]


def test_exclusion_keeps_the_phrase_and_drops_its_edges() -> None:
    assert exclusion_phrase("any red cars") == ["red", "cars"]
    assert exclusion_phrase("a cup of tea") == ["cup", "of", "tea"]
    assert exclusion_phrase("her") == ["her"]
    assert exclusion_phrase("?!") == []


def test_lone_surrogates_are_replaced() -> None:
    assert valid_text("a \ud800dög 🐕") == "a ?dög 🐕"


@pytest.mark.parametrize(
    ("word", "one"),
    [
        ("dogs", "dog"),
        ("beaches", "beach"),
        ("puppies", "puppy"),
        ("ties", "tie"),
        ("glasses", "glass"),
        ("boxes", "box"),
        ("men", "man"),
        ("children", "child"),
        ("bus", "bus"),
        ("grass", "grass"),
        ("tennis", "tennis"),
        ("gas", "gas"),
        ("dog", "dog"),
    ],
)
def test_singular_and_plural_are_alike(word: str, one: str) -> None:
    assert singular(word) == one
