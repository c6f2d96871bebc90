import threading
import weakref

from bot.live.lease import Lendable


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
