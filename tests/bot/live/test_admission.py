"""As many are let in as can be answered in time; the others are told when to come again."""

import pytest

from bot.errors import Overloaded
from bot.live import admission
from bot.live.admission import Admission


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until it is moved."""

    class Clock:
        now = 0.0

        def monotonic(self):
            return self.now

    clock = Clock()
    monkeypatch.setattr(admission, "time", clock)
    return clock


def enter(door: Admission, count: int):
    """Let so many in; they stay for as long as what is returned is kept."""
    turns = [door.turn() for _ in range(count)]
    for turn in turns:
        turn.__enter__()
    return turns


def leave(turns, clock, seconds_each):
    """All leave one after another, in the order in which they came."""
    for turn in turns:
        clock.now += seconds_each
        turn.__exit__(None, None, None)


def answered_at(pace: float, clock) -> Admission:
    door = Admission(answer_within_s=10)
    for _ in range(100):
        leave(enter(door, 5), clock, pace)
    return door


@pytest.mark.parametrize(("pace", "most"), [(0.5, 10), (0.125, 40), (0.0625, 79), (3.0, 8)])
def test_half_of_what_is_promised_is_filled_and_eight_always_get_in(clock, pace, most):
    door = answered_at(pace, clock)
    turns = enter(door, most)
    with pytest.raises(Overloaded):
        door.check()
    with pytest.raises(Overloaded), door.turn():
        pass
    assert door.inside == len(turns)


def test_a_slower_machine_is_noticed(clock):
    door = answered_at(0.0625, clock)
    for _ in range(60):
        leave(enter(door, 5), clock, 0.5)
    turns = enter(door, 10)
    assert len(turns) == door.inside
    with pytest.raises(Overloaded):
        door.check()


def test_who_fails_teaches_nothing(clock):
    door = answered_at(0.5, clock)
    for _ in range(100):
        with pytest.raises(ZeroDivisionError), door.turn():
            _ = 1 / 0
    assert door.inside == 0
    turns = enter(door, 10)
    assert len(turns) == door.inside
    with pytest.raises(Overloaded):
        door.check()


def test_each_who_is_refused_gets_a_time_of_their_own(clock):
    door = answered_at(0.5, clock)
    turns = enter(door, 10)
    times = []
    for _ in range(200):
        with pytest.raises(Overloaded) as refused:
            door.check()
        times.append(refused.value.retry_after_s)
    assert times[:5] == [3, 3, 4, 4, 5]  # half a second apart, in whole seconds
    assert times == sorted(times)
    assert times[-1] == 60
    clock.now += 1000
    with pytest.raises(Overloaded) as refused:
        door.check()
    assert refused.value.retry_after_s == 3
    assert len(turns) == door.inside


def test_before_anything_is_known_a_tenth_of_a_second_is_taken_for_a_turn(clock):
    door = Admission(answer_within_s=10)
    assert len(enter(door, 49)) == door.inside
    with pytest.raises(Overloaded):
        enter(door, 1000)
