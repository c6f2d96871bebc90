"""Which messages are in another language, and which English ones only look like it."""

from __future__ import annotations

import pytest

from bot.understanding.rasa_project import RasaProject
from bot.wording.detection import LanguageDetector
from embedding.model.encoder import SentenceEncoder

FOREIGN = {
    "de": [
        "zeig mir einen Hund auf dem Sofa",
        "ich suche ein Bild von einem Boot",
        "keine Katzen bitte",
        "ein Kind mit einem Luftballon",
        "eine Frau liest Zeitung",
    ],
    "fr": [
        "montre-moi un bateau sur la mer",
        "je voudrais voir des chevaux",
        "une femme avec un parapluie",
        "sans enfants",
    ],
    "es": [
        "muéstrame un barco en el mar",
        "quiero ver caballos en la playa",
        "una mujer con un paraguas",
        "un perro sin correa",
    ],
    "it": [
        "mostrami una barca sul mare",
        "cerco una donna con un ombrello",
        "un cane senza guinzaglio",
        "vorrei vedere dei cavalli",
    ],
    "pt": ["mostre um barco no mar", "quero ver cavalos na praia", "uma mulher com chuva"],
    "nl": ["laat me een boot op zee zien", "ik zoek een vrouw met een paraplu"],
    "pl": ["pokaż mi łódkę na morzu", "szukam kobiety z parasolem"],
    "sv": ["visa mig en båt på havet", "jag söker en kvinna med paraply"],
    "da": ["vis mig en båd på havet", "jeg søger en kvinde med paraply"],
    "ru": ["покажи мне лодку", "женщина под зонтом"],
    "ja": ["海の船を見せて", "犬の写真"],
    "zh": ["我想看一艘船", "一只狗"],
    "ko": ["개"],
    "ar": ["أرني قاربا في البحر"],
}
ENGLISH = [
    "a boat on the sea",
    "dog",
    "dogs please",
    "no cats",
    "show me a croissant",
    "a dachshund",
    "a man with a sombrero",
    "a siesta in a hammock",
    "a cafe in Paris",
    "pizza and spaghetti",
    "a chihuahua on a sofa",
    "a girl named Maria",
    "skateboarder doing an ollie",
    "a kid on a trampoline",
    "tae kwon do",
    "a samurai in a kimono",
    "hm",
    "thx",
    "2023",
    "?!",
    "",
    "a gril in a red dres",
    "udno that",
    "asdf jklö",
    "b&w photo",
    "more like #2",
    "santa claus",
    "a jack russell terrier",
    "kids in halloween costumes",
    "two men in a bar",
    "the hat on a die",
    "a war memorial",
    "Mercedes",
    "an angel",
]


@pytest.fixture(scope="module")
def detector(sentence_encoder: SentenceEncoder) -> LanguageDetector:
    assert sentence_encoder.known_words
    return LanguageDetector(
        "en", RasaProject.load().others, sentence_encoder.known_words.__contains__
    )


@pytest.mark.parametrize(
    ("text", "language"), [(text, code) for code, some in FOREIGN.items() for text in some]
)
def test_other_languages_are_recognised(
    detector: LanguageDetector, text: str, language: str
) -> None:
    assert detector.foreign(text) == language


@pytest.mark.parametrize("text", ENGLISH)
def test_english_is_not_taken_for_another_language(detector: LanguageDetector, text: str) -> None:
    assert detector.foreign(text) is None


@pytest.mark.parametrize(
    ("text", "language"), [("покажи мне лодку", "ru"), ("zeig mir etwas", None)]
)
def test_without_known_words_letters_alone_tell(text: str, language: str | None) -> None:
    assert LanguageDetector("en", RasaProject.load().others, None).foreign(text) == language


def test_without_other_languages_nothing_is_foreign() -> None:
    assert LanguageDetector("en", {}, lambda _: False).foreign("zeig mir einen Hund") is None


def test_every_language_has_its_sentence() -> None:
    project = RasaProject.load()
    for code in project.others:
        sentence = project.turn_away(code)
        assert "{" not in sentence
        assert sentence.strip(), code
