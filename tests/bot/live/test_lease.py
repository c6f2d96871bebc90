import ctypes
import threading
import weakref
from pathlib import Path

import pytest

from bot.live.lease import Lendable, give_memory_back

PIECES, OF = 20_000, 4096  # below what glibc maps on its own


def test_the_old_one_is_closed_after_its_last_user_by_another_thread():
    closed = {}
    shelf = Lendable(lambda name: closed.update({name: threading.current_thread()}))
    shelf.replace("old")
    with shelf.lend() as first, shelf.lend() as second:
        assert (first, second, shelf.users) == ("old", "old", 2)
        shelf.replace("new")
        assert not closed
        with shelf.lend() as third:
            assert (third, shelf.current, shelf.users) == ("new", "new", 1)
    shelf.shut_down()
    assert set(closed) == {"old", "new"}
    assert threading.current_thread() not in closed.values()


def test_the_memory_of_what_is_retired_is_given_back_although_it_has_cycles():
    class Model:
        def __init__(self):
            self.itself = self

    shelf = Lendable(lambda model: None)
    shelf.replace(Model())
    seen = weakref.ref(shelf.current)
    shelf.replace(Model())
    shelf.shut_down()
    assert seen() is None


def test_an_empty_one_lends_nothing():
    shelf = Lendable(print)
    with shelf.lend() as content:
        assert content is None
    assert shelf.current is None
    assert shelf.users == 0
    shelf.shut_down()


def resident() -> int:
    """Return the bytes that this process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def pieces() -> list[bytearray]:
    return [bytearray(OF) for _ in range(PIECES)]


@pytest.fixture
def glibc():
    if not hasattr(ctypes.CDLL(None), "malloc_trim"):
        pytest.skip("another C library")


@pytest.mark.usefixtures("glibc")
def test_what_a_thread_freed_below_what_is_in_use_is_given_back():
    give_memory_back()
    before = resident()
    kept = []

    def work() -> None:
        taken = pieces()
        kept.append(bytearray(OF))  # above all of them: glibc alone could give nothing back
        taken.clear()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert resident() - before > PIECES * OF / 2
    give_memory_back()
    assert resident() - before < PIECES * OF / 10


@pytest.mark.usefixtures("glibc")
def test_what_a_bundle_took_is_given_back_when_it_is_closed():
    give_memory_back()
    before = resident()
    shelf, kept = Lendable(list.clear), []
    shelf.replace(pieces())
    kept.append(bytearray(OF))
    assert resident() - before > PIECES * OF / 2
    shelf.shut_down()
    assert resident() - before < PIECES * OF / 10
