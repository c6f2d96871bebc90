"""The running turn belongs to its task."""

from __future__ import annotations

import asyncio

import pytest

from bot.dialogue.turns import OpenTurn, open_turn, running_turn
from bot.sessions.record import SessionRecord


def _turn(who: str) -> OpenTurn:
    return OpenTurn(SessionRecord(sender_id=who), None, None, None)  # type: ignore[arg-type]


def test_each_task_sees_its_own_turn() -> None:
    async def one(who: str) -> str:
        with open_turn(_turn(who)):
            await asyncio.sleep(0.01)
            return running_turn().record.sender_id

    async def play() -> list[str]:
        return await asyncio.gather(one("anna"), one("ben"))

    assert asyncio.run(play()) == ["anna", "ben"]


def test_outside_of_a_turn_there_is_none() -> None:
    with open_turn(_turn("anna")):
        pass
    with pytest.raises(LookupError):
        running_turn()
