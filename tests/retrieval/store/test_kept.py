"""What is kept, up to a size, and read once however many ask for it."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from retrieval.store.kept import Kept


def test_the_least_used_goes_first() -> None:
    kept: Kept[str, int] = Kept(2)
    kept.keep({"a": 1, "b": 2})
    kept.find(["a"])
    kept.keep({"c": 3})
    assert kept.find("abc") == {"a": 1, "c": 3}


def test_values_count_by_their_size_and_one_that_is_too_large_is_not_kept() -> None:
    kept: Kept[str, str] = Kept(5, len)
    kept.keep({"a": "xxx"})
    kept.keep({"a": "xx", "b": "yyy"})
    assert kept.find("ab") == {"a": "xx", "b": "yyy"}
    kept.keep({"c": "zzzzzz"})
    assert kept.find("abc") == {}
    kept.keep({"d": "xxxxx"})
    assert kept.find("d") == {"d": "xxxxx"}


def test_what_several_ask_for_at_once_is_read_once() -> None:
    kept: Kept[str, int] = Kept(2)
    begun, may_end = threading.Event(), threading.Event()
    reads = []

    def read() -> int:
        reads.append(1)
        begun.set()
        may_end.wait(10)
        return 7

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(kept.read, "a", read)
        begun.wait(10)
        second = threads.submit(kept.read, "a", read)
        may_end.set()
        assert (first.result(10), second.result(10)) == (7, 7)
    assert kept.read("a", read) == 7
    assert len(reads) == 1


def test_a_reading_that_failed_is_tried_again() -> None:
    kept: Kept[str, int] = Kept(2)

    def fail() -> int:
        raise OSError("away")

    with pytest.raises(OSError, match="away"):
        kept.read("a", fail)
    assert kept.read("a", lambda: 1) == 1
