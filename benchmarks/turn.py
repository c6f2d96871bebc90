"""What a turn costs over HTTP, beside the least that it could cost.

    python benchmarks/turn.py BUNDLES [--turns 60] [--seconds 20]

The floor is tokenising a request, the text tower, a search by FAISS for 6 pictures and one round
trip to Redis, called directly in this process, one after another; and, for throughput, the same in
batches of 32 by as many threads as there are cores. A turn does that and more: it understands the
message (with an encoder of its own), ranks by words and meaning too, and keeps the conversation.

Prints JSON, then a verdict. Ends with 1 if one client's median is above 1.5 floors or its 99th
percentile above 3 medians, or if 32 clients get less than 0.8 of the floor's throughput.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import redis
from threadpoolctl import threadpool_limits

from benchmarks.serving import Client, Server, milliseconds, processor, request_text, serve
from bot.server.embedded_redis import EmbeddedRedis
from retrieval.bundle.bundle import Bundle

CLIENTS = 32
PICTURES = 6
MOST_FLOORS, MOST_MEDIANS, LEAST_THROUGHPUT = 1.5, 3.0, 0.8


def measure_floor(bundle: Bundle, client: redis.Redis, turns: int) -> list[float]:
    """Return the seconds of each turn, one after another."""
    taken = []
    for number in range(turns):
        started = time.perf_counter()
        _serve_batch(bundle, client, [request_text(number)])
        taken.append(time.perf_counter() - started)
    return taken


def measure_batches(bundle: Bundle, client: redis.Redis, seconds: float) -> float:
    """Return turns a second in batches, a thread for each core."""
    ends = time.perf_counter() + seconds

    def work(thread: int) -> int:
        done = 0
        while time.perf_counter() < ends:
            first = thread * 1000 + done
            _serve_batch(bundle, client, [request_text(first + i) for i in range(CLIENTS)])
            done += CLIENTS
        return done

    started = time.perf_counter()
    threads = os.cpu_count() or 1
    with ThreadPoolExecutor(threads) as pool:
        done = sum(pool.map(work, range(threads)))
    return done / (time.perf_counter() - started)


def _serve_batch(bundle: Bundle, client: redis.Redis, texts: list[str]) -> None:
    for text, vector in zip(texts, bundle.encoder.encode_text(texts), strict=True):
        bundle.store.search(vector, PICTURES)
        client.get(f"floor:{text}")


async def measure_one(server: Server, turns: int) -> list[float]:
    """Return the seconds of each turn of one client; a new sender every five, as people do."""
    client, taken = Client(server.port), []
    for number in range(turns):
        answer = await client.say(f"one-{number // 5}", request_text(number))
        assert answer.status == 200, answer
        taken.append(answer.seconds)
    return taken


async def measure_many(server: Server, seconds: float) -> tuple[float, list[float]]:
    """Return turns a second of 32 clients, and the seconds of each."""
    taken: list[float] = []
    started = time.perf_counter()

    async def talk(number: int) -> None:
        client, turn = Client(server.port), 0
        while time.perf_counter() < started + seconds:
            text = request_text(number * 11 + turn)
            answer = await client.say(f"many-{number}-{turn // 5}", text)
            assert answer.status == 200, answer
            taken.append(answer.seconds)
            turn += 1

    await asyncio.gather(*(talk(number) for number in range(CLIENTS)))
    return len(taken) / (time.perf_counter() - started), taken


def main() -> None:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("bundles", type=Path)
    parser.add_argument("--turns", type=int, default=60)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--data-dir", type=Path, help="keeps what the server learns")
    given = parser.parse_args()
    threadpool_limits(1, user_api="blas")  # as the server has it
    with tempfile.TemporaryDirectory() as folder, EmbeddedRedis(Path(folder)) as own:
        client = redis.Redis.from_url(own.url)
        with Bundle.open(given.bundles, verify=False) as bundle:
            measure_floor(bundle, client, 5)  # warm
            floor = measure_floor(bundle, client, given.turns)
            batches = measure_batches(bundle, client, given.seconds)
    no_limits = {"limit_sender": "", "limit_address": "", "answer_within_s": "600"}
    with serve(given.bundles, given.data_dir, lock_timeout_s="300", **no_limits) as server:
        asyncio.run(measure_one(server, 5))
        one = asyncio.run(measure_one(server, given.turns))
        before = server.cpu_s()
        throughput, many = asyncio.run(measure_many(server, given.seconds))
        cpu_ms = 1000 * (server.cpu_s() - before) / len(many)
    figures: dict[str, Any] = {
        "processor": processor(),
        "floor": milliseconds(floor),
        "one_client": milliseconds(one),
        "floor_batches_per_s": round(batches, 1),
        "clients_32_per_s": round(throughput, 1),
        "clients_32": milliseconds(many),
        "clients_32_cpu_ms": round(cpu_ms, 1),
        "median_in_floors": round(median(one) / median(floor), 2),
        "p99_in_medians": round(sorted(one)[int(0.99 * len(one))] / median(one), 2),
        "throughput_in_floors": round(throughput / batches, 2),
    }
    print(json.dumps(figures, indent=1))
    is_good = (
        figures["median_in_floors"] <= MOST_FLOORS
        and figures["p99_in_medians"] <= MOST_MEDIANS
        and figures["throughput_in_floors"] >= LEAST_THROUGHPUT
    )
    verdict = "good" if is_good else "NOT good enough"
    print(
        f"{verdict}: a turn is {figures['median_in_floors']} floors (goal {MOST_FLOORS}), "
        f"{CLIENTS} clients get {figures['throughput_in_floors']} of the floor's throughput "
        f"(goal {LEAST_THROUGHPUT})"
    )
    sys.exit(not is_good)


if __name__ == "__main__":
    main()
