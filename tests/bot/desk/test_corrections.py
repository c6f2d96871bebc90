"""What whoever runs the chat said stays readable, whatever else lies beside it."""

import asyncio

from redis.asyncio import Redis

from bot.desk.corrections import Correction, Corrections


def test_one_of_another_version_of_the_program_is_left_out(redis_url: str) -> None:
    async def scenario() -> list[Correction]:
        async with Redis.from_url(redis_url) as client:
            corrections = Corrections(client)
            for number in (2, 1):
                one = Correction(
                    question=f"{number}", image="a", path="a.png", caption="x", at=number
                )
                await corrections.save(one)
            await client.hset("showtell:corrections", "3", b'{"question": "3", "picture": "a"}')
            await client.hset("showtell:corrections", "4", b"\xff")
            try:
                return await corrections.all()
            finally:  # other tests share this Redis
                await client.delete("showtell:corrections")

    assert [one.question for one in asyncio.run(scenario())] == ["1", "2"]
