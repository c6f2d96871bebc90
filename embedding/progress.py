"""How long work reports how far it is, without knowing who draws it."""

from typing import Protocol

__all__ = ["Progress", "silent"]


class Progress(Protocol):
    """Called now and then with the work done so far.

    ``what`` names the step in words ("extracting image features"); ``done`` never falls and
    reaches ``total`` within one step.
    """

    def __call__(self, done: int, total: int, what: str) -> None:
        """Report that ``done`` of ``total`` items of the step ``what`` are finished."""


def silent(done: int, total: int, what: str) -> None:
    """Report nothing: the default wherever a progress callback is optional."""
