"""Swaps of the live bundle, over real bundles, a real model and a real Redis."""

import asyncio
import json
import os
from pathlib import Path

import pytest

from bot.errors import NothingToRollBackTo, UnknownVersion
from bot.live.bundle import LiveBundle
from bot.sessions.connection import connect
from embedding.onnx.encoder import OnnxEncoder
from retrieval.bundle.bundle import Bundle, current_version, list_versions, publish
from retrieval.bundle.catalog import BundleCatalog
from retrieval.errors import BundleRefused, GalleryError, NoBundle
from retrieval.search.query import Query


def damage(bundles: Path, version: str, *, date: bool = True) -> None:
    """Make a bundle differ from its manifest; without a date as a disk does that fails."""
    index = bundles / version / "store" / "vectors.faiss"
    before = index.stat().st_mtime_ns
    content = bytearray(index.read_bytes())
    content[-1] ^= 0xFF
    index.write_bytes(content)
    if not date:
        os.utime(index, ns=(before, before))


@pytest.fixture
def live(three_bundles):
    return LiveBundle(BundleCatalog(three_bundles), poll_s=0.1)


async def wait_until(condition, seconds=30.0):
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - nothing to be notified by
            await asyncio.sleep(0.02)


def ids_of(serving) -> set[str]:
    hits = serving.bundle.searcher.search(Query(texts=("a red star",)), 10).hits
    return {hit.image_id for hit in hits}


def is_closed(bundle) -> bool:
    try:
        bundle.store.get("0" * 16)
    except GalleryError as error:
        return "closed" in str(error)
    return False


def run(coroutine):
    return asyncio.run(coroutine)


def test_starts_with_what_current_names_and_closes_it(live, three_bundles):
    async def scenario():
        await live.start()
        assert live.version == current_version(three_bundles)
        with live.lease() as serving:
            bundle = serving.bundle
        assert await live.run(ids_of, serving)
        await live.stop()
        assert live.version is None
        with pytest.raises(Exception, match="closed"):
            bundle.store.get("0" * 16)

    run(scenario())


def test_a_turn_in_flight_ends_on_the_bundle_it_began_with(live, three_bundles):
    first, second, _ = list_versions(three_bundles)

    async def scenario():
        await live.start()
        await live.reload(first)
        with live.lease() as serving:
            old = ids_of(serving)
            assert await live.reload(second) == second
            assert serving.bundle.version == first
            assert ids_of(serving) == old
            with live.lease() as other:
                assert other.bundle.version == second
                assert not ids_of(other) & old
        await wait_until(lambda: is_closed(serving.bundle))
        with live.lease() as other:
            assert ids_of(other)
        await live.stop()

    run(scenario())


def test_reload_without_a_version_and_rollback(live, three_bundles):
    first, second, third = list_versions(three_bundles)

    async def scenario():
        await live.start()
        assert live.version == first
        assert await live.reload() == third
        assert current_version(three_bundles) == third
        assert await live.rollback() == second
        assert current_version(three_bundles) == second
        assert await live.rollback() == first
        with pytest.raises(NothingToRollBackTo, match=first):
            await live.rollback()
        assert live.version == first
        await live.stop()

    run(scenario())


def test_what_was_published_meanwhile_comes_before_the_newest(three_bundles):
    first, second, third = list_versions(three_bundles)
    live = LiveBundle(BundleCatalog(three_bundles), poll_s=600)

    async def scenario():
        await live.start()
        assert live.version == first
        publish(three_bundles, second)
        assert await live.reload() == second
        assert await live.reload() == third
        await live.stop()

    run(scenario())


@pytest.mark.parametrize("version", ["0009-00000000", "../etc", "", "CURRENT", "\0"])
def test_an_unknown_version_changes_nothing(live, three_bundles, version):
    async def scenario():
        await live.start()
        before = live.version
        if version:
            with pytest.raises(UnknownVersion, match="there is no bundle"):
                await live.reload(version)
        assert live.version == before == current_version(three_bundles)
        await live.stop()

    run(scenario())


def test_a_damaged_bundle_is_refused_and_the_old_one_serves_on(live, three_bundles):
    first, second, _ = list_versions(three_bundles)
    damage(three_bundles, second)

    async def scenario():
        await live.start()
        with pytest.raises(BundleRefused, match=r"vectors\.faiss"):
            await live.reload(second)
        assert live.version == first == current_version(three_bundles)
        assert live.status()["refused"]["version"] == second
        assert "vectors.faiss" in live.status()["refused"]["reason"]
        with live.lease() as serving:
            assert ids_of(serving)
        assert await live.reload(first) == first
        assert "refused" not in live.status()
        await live.stop()

    run(scenario())


def test_a_start_with_a_damaged_bundle_falls_back_to_the_one_before(live, three_bundles):
    first, second, third = list_versions(three_bundles)
    publish(three_bundles, third)
    damage(three_bundles, third)
    damage(three_bundles, second)

    async def scenario():
        await live.start()
        assert live.version == first
        assert live.status()["refused"]["version"] == third
        await asyncio.sleep(0.5)  # polls go by; the refused one is not tried again and again
        assert live.version == first
        await live.stop()

    run(scenario())


def test_a_start_reads_no_unchanged_file_and_replaces_what_it_finds_damaged_afterwards(
    live, three_bundles
):
    first, second, third = list_versions(three_bundles)
    publish(three_bundles, third)
    damage(three_bundles, third, date=False)
    damage(three_bundles, second, date=False)

    async def scenario():
        await live.start()
        assert live.version == third
        await wait_until(lambda: live.version == first)
        assert live.status()["refused"]["version"] == third
        assert "vectors.faiss" in live.refused
        await live.stop()

    run(scenario())


def test_what_is_gone_back_to_is_read_through_before(live, three_bundles):
    first, second, _ = list_versions(three_bundles)
    publish(three_bundles, second)
    damage(three_bundles, first, date=False)

    async def scenario():
        await live.start()
        with pytest.raises(BundleRefused, match=r"vectors\.faiss"):
            await live.rollback()
        assert live.version == second == current_version(three_bundles)
        await live.stop()

    run(scenario())


def test_without_a_bundle_it_starts_and_takes_the_first_that_is_published(three_bundles):
    first = list_versions(three_bundles)[0]
    (three_bundles / "CURRENT").unlink()
    live = LiveBundle(BundleCatalog(three_bundles), poll_s=0.1)

    async def scenario():
        await live.start()
        assert live.version is None
        with pytest.raises(NoBundle), live.lease():
            pass
        with pytest.raises(NothingToRollBackTo):
            await live.rollback()
        publish(three_bundles, first)
        await wait_until(lambda: live.version == first)
        await live.stop()

    run(scenario())


def test_a_bundles_directory_that_is_not_there_yet(tmp_path):
    live = LiveBundle(BundleCatalog(tmp_path / "none"), poll_s=0.1)

    async def scenario():
        await live.start()
        with pytest.raises(UnknownVersion, match="showtell index"):
            await live.reload()
        assert live.status() == {"version": None, "versions": []}
        await live.stop()

    run(scenario())


@pytest.mark.parametrize("told", [True, False], ids=["by Redis", "by CURRENT alone"])
def test_other_workers_follow(three_bundles, redis_url, told):
    second = list_versions(three_bundles)[1]

    async def scenario():
        ours, theirs = connect(redis_url), connect(redis_url)
        worker = LiveBundle(BundleCatalog(three_bundles), redis=ours if told else None, poll_s=0.1)
        other = LiveBundle(
            BundleCatalog(three_bundles),
            redis=theirs if told else None,
            # Told by Redis: polling alone would come too late for the test.
            poll_s=600 if told else 0.1,
        )
        await worker.start()
        await other.start()
        if told:
            await wait_until_subscribed(ours, 2)
        await worker.reload(second)
        await wait_until(lambda: other.version == second)
        await other.stop()
        await worker.stop()
        await ours.aclose()
        await theirs.aclose()

    run(scenario())


async def wait_until_subscribed(redis, subscribers):
    async with asyncio.timeout(10):
        while (await redis.pubsub_numsub("showtell:bundle"))[0][1] < subscribers:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


def test_a_reload_works_while_redis_is_away(three_bundles, own_redis):
    second = list_versions(three_bundles)[1]

    async def scenario():
        redis = connect(own_redis.url)
        live = LiveBundle(BundleCatalog(three_bundles), redis=redis, poll_s=0.1)
        await live.start()
        own_redis.__exit__(None, None, None)
        assert await live.reload(second) == second
        publish(three_bundles, list_versions(three_bundles)[0])
        await wait_until(lambda: live.version == list_versions(three_bundles)[0])
        await live.stop()
        await redis.aclose()

    run(scenario())


def test_searches_during_swaps_never_fail_and_never_mix(live, three_bundles):
    versions = list_versions(three_bundles)
    pictures = {version: set(ids_in(three_bundles, version)) for version in versions}
    answered = dict.fromkeys(versions, 0)

    async def one_turn():
        with live.lease() as serving:
            hits = await live.run(serving.bundle.searcher.search, Query(texts=("a star",)), 6)
            again = await live.run(serving.bundle.searcher.search, Query(texts=("red",)), 6)
            version = serving.bundle.version
        found = {hit.image_id for hit in (*hits.hits, *again.hits)}
        assert found
        assert found <= pictures[version]
        answered[version] += 1

    async def scenario():
        await live.start()
        stop = asyncio.Event()

        async def load():
            while not stop.is_set():
                await one_turn()

        async with asyncio.TaskGroup() as group:
            for _ in range(4):
                group.create_task(load())
            for _ in range(2):
                await live.reload(versions[2])
                await live.rollback()
                # Two at once: one after the other, the last one wins, nothing breaks.
                await asyncio.gather(live.reload(versions[0]), live.reload(versions[1]))
            stop.set()
        await live.stop()

    run(scenario())
    assert sum(answered.values()) > 10
    assert len([version for version, count in answered.items() if count]) >= 2


def ids_in(bundles, version):
    with Bundle.open(bundles, version, verify=False) as bundle:
        return [image.image_id for image in bundle.store.pictures(range(len(bundle.store)))]


def test_loads_are_reported(three_bundles):
    first, second, _ = list_versions(three_bundles)
    damage(three_bundles, second)
    loads = []
    live = LiveBundle(
        BundleCatalog(three_bundles), poll_s=600, on_swap=lambda *load: loads.append(load)
    )

    async def scenario():
        await live.start()
        with pytest.raises(BundleRefused):
            await live.reload(second)
        assert json.dumps(live.status())
        await live.stop()

    run(scenario())
    assert loads == [(first, "live"), (second, "refused")]


ANY_FAILURE = [
    OSError(5, "Input/output error"),
    MemoryError(),
    NoBundle("it was removed"),
]


@pytest.mark.parametrize("failure", ANY_FAILURE, ids=lambda error: type(error).__name__)
def test_a_bundle_that_fails_in_any_way_is_refused_and_the_old_one_serves_on(
    live, three_bundles, monkeypatch, failure
):
    first, second, third = list_versions(three_bundles)
    open_bundle = Bundle.open

    def open_all_but_second(bundles, version, **options):
        if version == second:
            raise failure
        return open_bundle(bundles, version, **options)

    monkeypatch.setattr(Bundle, "open", open_all_but_second)

    async def scenario():
        await live.start()
        with pytest.raises(BundleRefused) as refused:
            await live.reload(second)
        assert refused.value.reason
        assert live.status()["refused"] == {"version": second, "reason": refused.value.reason}
        publish(three_bundles, second)  # by another worker, which could load it
        await asyncio.sleep(0.3)
        assert live.version == first
        publish(three_bundles, third)
        await wait_until(lambda: live.version == third)
        assert live.follower.failure is None
        await live.stop()

    run(scenario())


def test_a_start_takes_the_newest_sound_bundle_whatever_is_wrong_with_the_others(
    live, three_bundles, monkeypatch
):
    _, second, third = list_versions(three_bundles)
    publish(three_bundles, second)
    open_bundle = Bundle.open

    def open_third_only(bundles, version, **options):
        if version != third:
            raise OSError(5, "Input/output error")
        return open_bundle(bundles, version, **options)

    monkeypatch.setattr(Bundle, "open", open_third_only)

    async def scenario():
        await live.start()
        assert live.version == third
        assert live.status()["refused"]["version"] == second
        await live.stop()

    run(scenario())


def test_a_start_with_a_current_that_names_nothing_takes_the_newest(live, three_bundles):
    (three_bundles / "CURRENT").write_text("0009-00000000\n")

    async def scenario():
        await live.start()
        assert live.version == list_versions(three_bundles)[-1]
        await live.stop()

    run(scenario())


def test_the_follower_survives_a_disk_that_fails_and_says_so_meanwhile(
    three_bundles, monkeypatch, caplog
):
    second = list_versions(three_bundles)[1]
    failures = []
    live = LiveBundle(BundleCatalog(three_bundles), poll_s=0.05, on_failure=failures.append)

    def fail(_):
        raise OSError(5, "Input/output error")

    async def scenario():
        await live.start()
        with monkeypatch.context() as broken:
            broken.setattr("retrieval.bundle.versions.current_version", fail)
            await wait_until(lambda: len(failures) > 1)
            assert live.follower.failure == "OSError: [Errno 5] Input/output error"
        publish(three_bundles, second)
        await wait_until(lambda: live.version == second)
        await wait_until(lambda: live.follower.failure is None)
        await live.stop()

    run(scenario())
    assert set(failures) == {"following CURRENT"}
    assert "following CURRENT failed" in caplog.text


def test_what_cannot_be_published_is_refused_and_the_old_one_serves_on(
    live, three_bundles, monkeypatch
):
    first, second, _ = list_versions(three_bundles)

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("retrieval.bundle.versions.publish", fail)

    async def scenario():
        await live.start()
        with pytest.raises(BundleRefused, match=r"CURRENT cannot be written: .*No space"):
            await live.reload(second)
        assert live.version == first
        await live.stop()

    run(scenario())


def test_twenty_turns_at_once_are_encoded_together_and_answered_as_alone(
    three_bundles, monkeypatch
):
    calls: list[list[str]] = []
    encode = OnnxEncoder.encode_text

    def counted(model, texts):
        calls.append(list(texts))
        return encode(model, texts)

    monkeypatch.setattr(OnnxEncoder, "encode_text", counted)
    queries = [
        Query(texts=(f"a {color} {shape}",)).exclude("yellow")
        for color in ("red", "green", "blue", "black", "purple")
        for shape in ("star", "ring", "circle", "square")
    ]

    async def scenario():
        live = LiveBundle(BundleCatalog(three_bundles), poll_s=0.1)
        await live.start()
        with live.lease() as serving:
            calls.clear()
            together = await asyncio.gather(*(serving.search(query, 4) for query in queries))
            assert len(calls) <= 4
            assert sum(map(len, calls)) == len(queries) + 3  # and three wordings of "yellow"
            search = serving.bundle.searcher.search
            alone = [await live.run(search, query, 4) for query in queries]
        await live.stop()
        for one, other in zip(together, alone, strict=True):
            assert [hit.image_id for hit in one.hits] == [hit.image_id for hit in other.hits]
            assert one.confident == other.confident

    run(scenario())


def test_comparing_encodes_what_requests_do_not_tell(shapes_bundles):
    async def scenario():
        live = LiveBundle(BundleCatalog(shapes_bundles), poll_s=0.1)
        await live.start()
        with live.lease() as serving:
            ids = [hit.image_id for hit in (await serving.search(Query(texts=("star",)), 3)).hits]
            table = await serving.compare(ids, ["a star", "a ring"])
        await live.stop()
        assert table.shape == (3, 2)
        assert (table[:, 0] > table[:, 1]).all()

    run(scenario())
