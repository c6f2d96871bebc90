"""Turns that wait at the same time share a forward pass."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bot.live.encoding import LARGEST_BATCH, BatchedEncoder
from tests.retrieval.stubs import StubEncoder


async def in_a_thread(work: Callable[..., Any], *arguments: Any) -> Any:
    return await asyncio.to_thread(work, *arguments)


def test_those_who_wait_share_a_batch_and_each_gets_its_own() -> None:
    encoder = StubEncoder()

    async def ask_all() -> list[dict[str, Any]]:
        batched = BatchedEncoder(encoder, in_a_thread)
        turns = [batched.texts([f"a dog {i}", "a cat"]) for i in range(20)]
        return await asyncio.gather(*turns)

    found = asyncio.run(ask_all())
    assert len(encoder.calls) <= 2
    asked = [text for call in encoder.calls for text in call]
    assert sorted(asked) == sorted({*asked})
    alone = StubEncoder()
    for i, vectors in enumerate(found):
        assert list(vectors) == [f"a dog {i}", "a cat"]
        for text, vector in vectors.items():
            np.testing.assert_array_equal(vector, alone.encode_text([text])[0])


def test_what_was_expected_is_encoded_once() -> None:
    encoder = StubEncoder()

    async def ask() -> None:
        batched = BatchedEncoder(encoder, in_a_thread)
        batched.expect(["a dog"])
        await batched.texts(["a dog", "a cat"])
        batched.expect(["a cat"])
        await batched.texts(["a cat"])

    asyncio.run(ask())
    assert sorted(text for call in encoder.calls for text in call) == ["a cat", "a dog"]


def test_what_comes_in_meanwhile_waits_for_the_next_batch() -> None:
    encoder = StubEncoder()

    async def ask() -> None:
        started, go_on = asyncio.Event(), asyncio.Event()

        async def held(work: Callable[..., Any], *arguments: Any) -> Any:
            started.set()
            await go_on.wait()
            return work(*arguments)

        batched = BatchedEncoder(encoder, held)
        first = asyncio.create_task(batched.texts(["one"]))
        await started.wait()
        others = [asyncio.create_task(batched.texts(["one", text])) for text in ("two", "three")]
        await asyncio.sleep(0)
        go_on.set()
        await asyncio.gather(first, *others)

    asyncio.run(ask())
    assert encoder.calls == [["one"], ["two", "three"]]


def test_a_text_is_encoded_once_in_a_conversation() -> None:
    encoder = StubEncoder()

    async def ask() -> None:
        batched = BatchedEncoder(encoder, in_a_thread)
        await batched.texts(["a dog"])
        await batched.texts(["a dog", "on a beach", "on a beach"])
        assert await batched.texts([]) == {}

    asyncio.run(ask())
    assert encoder.calls == [["a dog"], ["on a beach"]]


def test_a_large_crowd_is_served_in_turns() -> None:
    encoder = StubEncoder()

    async def ask() -> None:
        batched = BatchedEncoder(encoder, in_a_thread)
        await batched.texts([f"text {i}" for i in range(2 * LARGEST_BATCH + 1)])

    asyncio.run(ask())
    assert [len(call) for call in encoder.calls] == [LARGEST_BATCH, LARGEST_BATCH, 1]


def test_pictures_are_batched_too() -> None:
    images = [Image.new("RGB", (4, side)) for side in range(1, 6)]

    async def ask() -> list[Any]:
        batched = BatchedEncoder(StubEncoder(), in_a_thread)
        return await asyncio.gather(*map(batched.image, images))

    np.testing.assert_array_equal(asyncio.run(ask()), StubEncoder().encode_images(images))


def test_an_error_reaches_all_who_wait_and_nobody_after() -> None:
    class Failing(StubEncoder):
        def encode_text(self, texts: Sequence[str]) -> Any:
            if not self.calls:
                self.calls.append([*texts])
                raise RuntimeError("out of memory")
            return super().encode_text(texts)

    async def ask() -> None:
        batched = BatchedEncoder(Failing(), in_a_thread)
        both = await asyncio.gather(
            batched.texts(["a dog"]), batched.texts(["a dog", "a cat"]), return_exceptions=True
        )
        assert [str(error) for error in both] == ["out of memory"] * 2
        assert list(await batched.texts(["a dog"])) == ["a dog"]

    asyncio.run(ask())


def test_who_goes_away_takes_nothing_from_the_others() -> None:
    async def ask() -> None:
        batched = BatchedEncoder(StubEncoder(), in_a_thread)
        gone = asyncio.create_task(batched.texts(["a dog"]))
        stays = asyncio.create_task(batched.texts(["a dog"]))
        await asyncio.sleep(0)
        gone.cancel()
        assert list(await stays) == ["a dog"]
        with pytest.raises(asyncio.CancelledError):
            await gone

    asyncio.run(ask())
