from concurrent.futures import ThreadPoolExecutor

import pytest

from retrieval.store.words import (
    content_words,
    exclusion_phrase,
    irregular_forms,
    regular_stem,
    stem,
    stems,
    tokens,
    valid_text,
)


def test_content_words_leave_out_what_names_nothing() -> None:
    assert content_words("I want to congratulate her") == ["congratulate"]
    assert content_words("Something SWEET to eat, sweet!") == ["sweet", "eat"]
    assert content_words("don't you") == []


def test_tokens_are_letters_and_digits_of_any_script() -> None:
    assert tokens("O'Neil_99 Äpfel «犬»") == ["o", "neil", "99", "äpfel", "犬"]
    assert tokens("हिन्दी की किताब") == ["हिन्दी", "की", "किताब"]
    assert tokens("cafe\u0301 ภาษาไทย") == ["cafe\u0301", "ภาษาไทย"]


def test_exclusion_keeps_the_phrase_and_drops_its_edges() -> None:
    assert exclusion_phrase("any red cars") == ["red", "cars"]
    assert exclusion_phrase("a cup of tea") == ["cup", "of", "tea"]
    assert exclusion_phrase("her") == ["her"]
    assert exclusion_phrase("?!") == []


def test_lone_surrogates_are_replaced() -> None:
    assert valid_text("a \ud800dög 🐕") == "a ?dög 🐕"


# The nouns of everyday captions, and those whose plurals are odd.
_NOUNS = """
dog:dogs beach:beaches puppy:puppies tie:ties glass:glasses box:boxes bus:buses gas:gases
kiss:kisses city:cities baby:babies lady:ladies house:houses horse:horses nose:noses race:races
bridge:bridges tree:trees shoe:shoes potato:potatoes hero:heroes photo:photos
toy:toys key:keys monkey:monkeys cherry:cherries pie:pies cookie:cookies movie:movies
lens:lenses dress:dresses bicycle:bicycles
canoe:canoes wave:waves glove:gloves sleeve:sleeves olive:olives eye:eyes ski:skis taxi:taxis
bee:bees axe:axes fox:foxes quiz:quizzes prize:prizes vase:vases cheese:cheeses purse:purses
mouse:mice goose:geese child:children person:people man:men woman:women foot:feet tooth:teeth
leaf:leaves knife:knives wolf:wolves scarf:scarves shelf:shelves calf:calves life:lives
sky:skies butterfly:butterflies party:parties family:families daisy:daisies grass:grasses
cactus:cacti virus:viruses circus:circuses canvas:canvases pancake:pancakes orange:oranges
valley:valleys jersey:jerseys toe:toes stair:stairs roof:roofs lily:lilies zebra:zebras ox:oxen
peach:peaches watch:watches sandwich:sandwiches bench:benches brush:brushes mango:mangoes
fireman:firemen policeman:policemen grandchild:grandchildren
"""


@pytest.mark.parametrize("pair", _NOUNS.split())
def test_singular_and_plural_have_one_stem(pair: str) -> None:
    one, many = pair.split(":")
    assert stem(one) == stem(many)


def test_tenses_and_accents_have_one_stem() -> None:
    assert stem("running") == stem("runs") == stem("run")
    assert stem("café") == stem("cafe")
    assert stems("Two Dogs, running") == [stem("two"), stem("dog"), stem("run")]


def test_the_forms_that_the_table_joins_are_known_from_each_other() -> None:
    assert irregular_forms("men") == [regular_stem("man")] != [regular_stem("men")]
    assert irregular_forms("person") == [regular_stem("people")]
    assert irregular_forms("dogs") == []


def test_different_things_keep_different_stems() -> None:
    things = ("dog", "bus", "grass", "tennis", "glass", "gas", "news", "person", "child", "man")
    assert len({stem(thing) for thing in things}) == len(things)


def test_many_threads_stem_alike() -> None:
    words = [f"word{i}ing" for i in range(500)]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(stem, words * 2))
    assert together == [f"word{i}" for i in range(500)] * 2
