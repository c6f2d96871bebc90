"""What whoever runs the chat gets to see of it, and what nobody does."""

import pytest
import redis

from bot.server.embedded_redis import EmbeddedRedis
from tests.bot.talk import Stage, ids_of, open_stage, said, text_of


@pytest.fixture(scope="module")
def noting(shapes_bundles, embedded_redis, nlu_cache):
    with open_stage(
        shapes_bundles, embedded_redis.url, nlu_cache, admin_token="t", keep_questions_days=3
    ) as stage:
        yield stage


@pytest.fixture(autouse=True)
def empty(embedded_redis: EmbeddedRedis):
    with redis.Redis.from_url(embedded_redis.url) as client:
        client.delete("showtell:questions")


def kept(stage: Stage):
    stage.run(stage.questions.close())
    return stage.run(stage.questions.read())


def test_a_search_is_kept_with_its_pictures_and_without_its_sender(noting, embedded_redis):
    turn = noting.say("somebody-we-know", "a red circle but no stars")
    (question,) = kept(noting)
    assert question.wanted == ["a red circle"]
    assert question.excluded == ["stars"]
    assert question.outcome == "confident"
    assert question.shown == ids_of(turn)
    assert question.up == question.down == []
    with redis.Redis.from_url(embedded_redis.url) as client:
        ((_, fields),) = client.xrange("showtell:questions")
        assert b"somebody-we-know" not in fields[b"question"]
        assert 0 < client.ttl("showtell:questions") <= 3 * 86_400


def test_further_pages_and_thumbs_belong_to_the_search(noting):
    first = ids_of(noting.say("pages", "circles"))
    more = ids_of(noting.say("pages", "show me more"))
    noting.say("pages", f'/rate_image{{"image": "{more[0]}", "rating": "down"}}')
    noting.say("pages", f'/rate_image{{"image": "{more[1]}", "rating": "up"}}')
    (question,) = kept(noting)
    assert question.shown == [*first, *more]
    assert (question.up, question.down) == ([more[1]], [more[0]])
    assert question.outcome == "confident"


def test_the_same_search_of_another_is_another(noting):
    for who in ("one", "two", "one"):
        noting.say(who, "a green square")
    assert len(kept(noting)) == 2


def test_what_is_not_there_is_told_apart(noting):
    noting.say("absent", "a giraffe in a tuxedo")
    noting.say("none", "circles")
    noting.say("none", '/refine_search{"tag": "no-such-tag"}')
    nothing, found, absent = kept(noting)
    assert absent.outcome in ("refused", "closest")
    assert found.outcome == "confident"
    assert (nothing.outcome, nothing.shown) == ("nothing", [])
    assert nothing.filters == [("tag", "no-such-tag")]


def test_talk_is_not_kept(noting):
    for text in ("hello", "thank you", "how many pictures do you have?", "what do you keep?"):
        noting.say("talker", text)
    assert kept(noting) == []


def test_what_is_not_understood_is_kept_in_its_own_words(noting):
    lost = "lorem ipsum dolor sit amet"
    # Neither a payload nor what is surely no wish.
    for text in ("/out_of_scope", "please book me a table for two", "my knee hurts", lost):
        noting.say("lost", text)
    (question,) = kept(noting)
    assert question.wanted == [lost]
    assert (question.outcome, question.shown) == ("not_understood", [])


def test_nothing_is_kept_by_default_and_the_chat_says_which(stage, noting):
    stage.say("plain", "a red circle")
    assert kept(stage) == []
    question = "what do you store about me?"
    answers = [[one.response for one in each.say("q", question).said] for each in (stage, noting)]
    assert answers == [
        ["utter_ask_privacy", "utter_ask_privacy_only"],
        ["utter_ask_privacy", "utter_ask_privacy_questions"],
    ]
    turn = noting.say("q", question)
    assert turn.said[1].filled["text"] == said(noting, "utter_ask_privacy_questions", days=3)
    assert "30 days" in text_of(turn)
