"""How a server behaves when more people talk to it than it can answer.

    python benchmarks/overload.py BUNDLES [--senders 1 50 200 800 3000] [--seconds 20]

So many senders begin at once, each with a connection of its own; each sends a message, waits for
the answer, and sends the next. Who is refused (503) waits as long as Retry-After says. Meanwhile
/readyz is asked twice a second over a new connection.

Prints JSON for each number of senders: answers a second, how long they took, how long refusals
took, how long /readyz took, the server's memory. All times are from the sending until the answer
reaches this machine. Ends with 1 if an answer took longer than
promised, anything but 200 or 503 with Retry-After came, /readyz took over a second, or 800 senders
got less than 0.9 times the answers that 50 got.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import uvloop

from benchmarks.serving import Client, Server, milliseconds, processor, request_text, serve

PROMISED_S = 10.0
READY_S = 1.0
REFUSED_S = 0.1
LEAST_GOODPUT = 0.9


class Crowd:
    """So many senders at once, and what they got."""

    def __init__(self, server: Server, senders: int, seconds: float) -> None:
        self.server = server
        self.senders = senders
        self.seconds = seconds
        self.answered: list[float] = []
        self.in_time = 0
        self.refused: list[float] = []
        self.ready: list[float] = []
        self.wrong: list[str] = []
        self.memory: list[float] = []

    async def play(self) -> dict[str, Any]:
        """Let them talk; return the figures."""
        self._ends = time.perf_counter() + self.seconds
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch())
            for number in range(self.senders):
                group.create_task(self._talk(number))
        return {
            "senders": self.senders,
            "answers_per_s": round(self.in_time / self.seconds, 1),
            "answered": milliseconds(self.answered),
            "refused": milliseconds(self.refused),
            "refused_within_100_ms": round(
                sum(one <= REFUSED_S for one in self.refused) / max(1, len(self.refused)), 3
            ),
            "readyz": milliseconds(self.ready),
            "rss_mb": round(max(self.memory)),
            "wrong": self.wrong[:5],
        }

    async def _talk(self, number: int) -> None:
        client, turn = Client(self.server.port), 0
        while time.perf_counter() < self._ends:
            text = request_text(number * 7 + turn)
            answer = await client.say(f"sender-{self.senders}-{number}", text)
            if answer.status == 200:
                turn += 1
                self.answered.append(answer.seconds)
                self.in_time += time.perf_counter() < self._ends
            elif answer.status == 503 and "retry-after" in answer.headers:
                self.refused.append(answer.seconds)
                left = self._ends - time.perf_counter()
                await asyncio.sleep(min(float(answer.headers["retry-after"]), left))
            else:
                self.wrong.append(f"{answer.status} {answer.body[:80]!r}")
        client.close()

    async def _watch(self) -> None:
        while time.perf_counter() < self._ends:
            client = Client(self.server.port)
            answer = await client.get("/readyz")
            client.close()
            self.ready.append(answer.seconds)
            self.memory.append(self.server.rss_mb())
            if answer.status != 200:
                self.wrong.append(f"/readyz {answer.status} {answer.body[:80]!r}")
            await asyncio.sleep(0.5)


def judge(rows: list[dict[str, Any]]) -> list[str]:
    """Return what was not as promised."""
    faults = []
    for row in rows:
        who = f"{row['senders']} senders"
        if row["wrong"]:
            faults.append(f"{who}: {row['wrong']}")
        if (row["answered"]["max_ms"] or 0) > 1000 * PROMISED_S:
            faults.append(f"{who}: an answer took {row['answered']['max_ms']} ms")
        if row["readyz"]["max_ms"] > 1000 * READY_S:
            faults.append(f"{who}: /readyz took {row['readyz']['max_ms']} ms")
        if row["refused"]["count"] and row["refused"]["p99_ms"] > 1000 * REFUSED_S:
            faults.append(f"{who}: a refusal took {row['refused']['p99_ms']} ms (99 %)")
    rates = {row["senders"]: row["answers_per_s"] for row in rows}
    if {50, 800} <= rates.keys() and rates[800] < LEAST_GOODPUT * rates[50]:
        faults.append(f"800 senders got {rates[800] / rates[50]:.2f} times what 50 got")
    return faults


def main() -> None:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("bundles", type=Path)
    parser.add_argument("--senders", type=int, nargs="+", default=[1, 50, 200, 800, 3000])
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--data-dir", type=Path, help="keeps what the server learns")
    given = parser.parse_args()
    rows = []
    no_limits = {"limit_sender": "", "limit_address": ""}
    with serve(given.bundles, given.data_dir, **no_limits) as server:
        for senders in given.senders:
            row = uvloop.run(Crowd(server, senders, given.seconds).play())
            rows.append(row)
            print(json.dumps(row), flush=True)
    faults = judge(rows)
    print(json.dumps({"processor": processor(), "faults": faults}))
    print("as promised" if not faults else "NOT as promised")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
