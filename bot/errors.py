"""The exceptions of this package; bot/server/errors.py maps each one to an HTTP status."""

from __future__ import annotations


class BotError(Exception):
    """Base of every error raised on purpose by `bot`."""

    exit_code = 1  # of the command that ends with this error


class BadUse(BotError):
    """A command was given arguments that do not go together."""

    exit_code = 2


class ExtraMissing(BotError):
    """A package is needed that only an extra of the installation brings."""


class SessionsUnavailable(BotError):
    """The session store cannot be read or written now; nothing of this turn was saved."""


class ComeAgain(BotError):
    """Nothing of this turn was begun.

    Attributes:
        retry_after_s: when to try again, in seconds.
    """

    def __init__(self, sentence: str, retry_after_s: int) -> None:
        super().__init__(sentence)
        self.retry_after_s = retry_after_s


class Overloaded(ComeAgain):
    """More turns wait than can be answered in time."""

    def __init__(self, retry_after_s: int) -> None:
        sentence = "Many people are asking just now. Please try again in a moment."
        super().__init__(sentence, retry_after_s)


class TooOften(ComeAgain):
    """One sender, or one address, asks more often than the settings allow."""

    def __init__(self, retry_after_s: int) -> None:
        seconds = "a second" if retry_after_s == 1 else f"{retry_after_s} seconds"
        sentence = f"You are asking too fast. Please try again in {seconds}."
        super().__init__(sentence, retry_after_s)


class NotYours(BotError):
    """A conversation was begun with a secret, and this message does not know it."""


class MessageRefused(BotError):
    """A message that cannot be handled as it is; the text is a sentence for its sender.

    Attributes:
        response: the response that says the same in every language; "" where there is none.
        values: for its variables.
    """

    def __init__(self, sentence: str, response: str = "", **values: object) -> None:
        super().__init__(sentence)
        self.response = response
        self.values = values


class ProjectError(BotError):
    """The Rasa project's files contradict themselves or cannot be read."""


class EmbeddedRedisError(BotError):
    """The embedded Redis server cannot be found or started."""


class UnknownVersion(BotError):
    """A bundle was asked for that is not there."""


class NothingToRollBackTo(BotError):
    """No bundle is older than the live one."""


class IndexingRuns(BotError):
    """A folder is to be indexed while another one is."""
