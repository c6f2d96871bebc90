import asyncio

from bot.live.news import CHANNEL, Look, news_of_swaps, tell_of_swap
from bot.sessions.connection import connect

UNTOLD = Look(told=False)


async def next_word(news) -> bool:
    """Return once a word comes, whatever looks come before it."""
    async with asyncio.timeout(30):
        while await anext(news) != Look(told=True):
            pass
    return True


def test_a_word_comes_through_redis(redis_url):
    async def scenario():
        ours, theirs = connect(redis_url), connect(redis_url)
        news = news_of_swaps(theirs, poll_s=600)
        assert await anext(news) == UNTOLD  # subscribed: look once, for what was missed before
        await tell_of_swap(ours, "0002-aaaaaaaa")
        assert await next_word(news)
        await news.aclose()
        await ours.aclose()
        await theirs.aclose()

    asyncio.run(scenario())


def test_without_redis_it_looks_all_the_same():
    async def scenario():
        await tell_of_swap(None, "0002-aaaaaaaa")
        news = news_of_swaps(None, poll_s=0.01)
        assert [await anext(news) for _ in range(3)] == [UNTOLD] * 3
        await news.aclose()

    asyncio.run(scenario())


def test_redis_goes_and_comes_back(own_redis):
    async def scenario():
        redis = connect(own_redis.url)
        news = news_of_swaps(redis, poll_s=0.05)
        assert await anext(news) == UNTOLD
        own_redis.__exit__(None, None, None)
        await tell_of_swap(redis, "0002-aaaaaaaa")  # logged, not raised
        async with asyncio.timeout(30):
            assert [await anext(news) for _ in range(3)] == [UNTOLD] * 3
        own_redis.__enter__()
        async with asyncio.timeout(30):
            while not await redis.publish(CHANNEL, "0002-aaaaaaaa"):
                await anext(news)
        assert await next_word(news)
        await news.aclose()
        await redis.aclose()

    asyncio.run(scenario())
