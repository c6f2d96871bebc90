import asyncio
import logging
import time

import redis

from bot.sessions.connection import connect
from bot.sessions.questions import MOST, Question, QuestionLog


def with_log(url, work, *, days=1):
    async def run():
        client = connect(url)
        log = QuestionLog(client, days, "key")
        try:
            return await work(log)
        finally:
            await log.close()
            await client.aclose()

    return asyncio.run(run())


async def keep(log, who, question):
    log.keep(who, question)
    await log.close()


def test_the_latest_come_first_and_survive_the_process(redis_url):
    async def write(log):
        for word in ("dog", "cat"):
            await keep(log, "s", Question(wanted=[word], outcome="closest"))

    with_log(redis_url, write)
    found = with_log(redis_url, lambda log: log.read())
    assert [one.text for one in found] == ["cat", "dog"]
    assert len({one.id for one in found}) == 2


def test_how_a_search_was_answered_first_stays(redis_url):
    async def work(log):
        await keep(log, "s", Question(wanted=["dog"], outcome="refused"))
        await keep(log, "s", Question(wanted=["dog"], outcome="confident", goes_on=True, up=["a"]))
        await keep(log, "s", Question(wanted=["cat"], goes_on=True, down=["b"]))
        return await log.read()

    (question,) = with_log(redis_url, work)  # a thumb alone tells nothing of its search
    assert (question.outcome, question.up) == ("refused", ["a"])


def test_they_are_bounded_in_number_size_and_age(redis_url):
    words, pictures = ["x" * 5_000 for _ in range(100)], [f"{n:016x}" for n in range(999)]
    big = Question(
        wanted=words, excluded=words, filters=[("tag", words[0])] * 100, shown=pictures, up=pictures
    )
    assert len(big.model_dump_json()) < 8_000
    with redis.Redis.from_url(redis_url) as client:
        old = round(1000 * (time.time() - 2 * 86_400))
        text = Question(id="old", wanted=["old"], outcome="nothing").model_dump_json()
        client.xadd("showtell:questions", {"question": text}, id=f"{old}-0")
        with client.pipeline(transaction=False) as pipeline:
            for number in range(MOST + 10):
                text = Question(id=str(number), outcome="nothing").model_dump_json()
                pipeline.xadd("showtell:questions", {"question": text})
            pipeline.execute()
        questions = with_log(redis_url, lambda log: log.read())
        assert len(questions) == MOST + 10, "what is too old is not read"
        with_log(redis_url, lambda log: keep(log, "s", big))
        assert client.xlen("showtell:questions") == MOST
        assert client.xrange("showtell:questions", count=1)[0][0].decode() > f"{old}-0"


def test_off_writes_nothing_and_forgetting_leaves_nothing(redis_url):
    question = Question(wanted=["dog"], outcome="nothing")
    with_log(redis_url, lambda log: keep(log, "s", question), days=0)
    with redis.Redis.from_url(redis_url) as client:
        assert not client.keys("*")
        with_log(redis_url, lambda log: keep(log, "s", question))
        with_log(redis_url, lambda log: log.forget(), days=0)
        assert not client.keys("*")


def test_an_unreadable_one_is_left_out(redis_url):
    with redis.Redis.from_url(redis_url) as client:
        client.xadd("showtell:questions", {"question": "{"})
    assert with_log(redis_url, lambda log: log.read()) == []


def test_without_redis_it_is_logged_and_no_turn_notices(caplog):
    question = Question(wanted=["secret words"], outcome="nothing")
    with caplog.at_level(logging.WARNING):
        with_log("redis://127.0.0.1:1", lambda log: keep(log, "s", question))
    assert "a question is not kept" in caplog.text
    assert "secret words" not in caplog.text
