"""What was said with a sender: enough to show a chat again, and to answer a repeated message."""

from __future__ import annotations

import time

from pydantic import BaseModel, ConfigDict, Field

MAX_EXCHANGES = 60
MAX_TALK_BYTES = 300_000
"""Of all exchanges of a sender together; the oldest go first."""


class Exchange(BaseModel):
    """One message with its answer.

    Attributes:
        id: of the message, as its sender's program named it.
        channel: in whose form the answer is.
        text: as its sender sees it.
        picture: key of the picture that came with it; empty without one.
        answer: as the channel sent it, JSON.
        at: when it was answered, seconds since 1970.
    """

    model_config = ConfigDict(extra="forbid")

    id: str
    channel: str
    text: str = ""
    picture: str = ""
    answer: str
    at: float = Field(default_factory=time.time)
