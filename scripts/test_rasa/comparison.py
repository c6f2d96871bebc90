"""Playing the same script on both sides, and what differs."""

from __future__ import annotations

import io
import queue
import sys
import threading
import time
from collections import Counter
from typing import Any

import engineio
import httpx
import socketio

from scripts.test_rasa.servers import Restartable
from scripts.test_rasa.talks import RESTART_RASA, RESTART_SERVER, SCRIPTS, UPLOAD
from tests.fixtures.models import draw_shape

# So long nothing more comes when a turn is over, on the channel that does not say so.
QUIET_S = 0.7


def compare(other: Restartable, own: Restartable) -> dict[str, Any]:
    """Play all scripts on both sides; return counts, times and every difference."""
    turns = Counter[str]()
    differences = []
    seconds = {"rasa": 0.0, "embedded": 0.0}
    restarts = Counter[str]()
    for number, (channel, script) in enumerate(SCRIPTS):
        clicks: list[str] = []
        for step in script:
            if step in (RESTART_RASA, RESTART_SERVER):
                (other if step == RESTART_RASA else own).restart()
                restarts[str(step)] += 1
                continue
            message = clicks[step] if isinstance(step, int) else step
            replies: dict[str, list[dict[str, Any]]] = {}
            # Ours first: it tells how many messages to wait for on a channel without an end.
            for side, url in (("embedded", own.url), ("rasa", other.url)):
                sender = f"{side}-{number}"
                started = time.monotonic()
                if message == UPLOAD:
                    replies[side] = upload(own.url, sender)
                elif channel == "rest":
                    replies[side] = say(url, sender, message)
                else:
                    expected = len(replies.get("embedded", ()))
                    replies[side] = say_by_socket(url, sender, message, expected)
                seconds[side] += time.monotonic() - started
            turns[channel] += 1
            if replies["rasa"] != replies["embedded"] or not replies["rasa"]:
                differences.append({"said": message, "channel": channel, **replies})
            clicks = [
                button["payload"]
                for reply in replies["embedded"]
                for button in reply.get("buttons", reply.get("quick_replies")) or ()
            ]
    total = turns.total()
    return {
        "turns": total,
        "by_channel": dict(turns),
        "restarts": dict(restarts),
        "mean_ms": {side: round(1000 * spent / total, 1) for side, spent in seconds.items()},
        "differences": differences,
    }


def upload(url: str, sender: str) -> list[dict[str, Any]]:
    """Send a picture with a text to our own server."""
    file = io.BytesIO()
    draw_shape("green", "star", 7).save(file, "PNG")
    response = httpx.post(
        f"{url}/api/messages",
        data={"sender": sender, "text": "like this, but blue"},
        files={"image": ("star.png", file.getvalue())},
        timeout=60,
    )
    response.raise_for_status()
    return list(response.json()["replies"])


class _InOrder(engineio.Client):
    """Hands messages over as they come; the library starts a thread for each, in any order."""

    def _trigger_event(self, event: str, *args: Any, **options: Any) -> Any:
        return super()._trigger_event(event, *args, **{**options, "run_async": False})


class _Client(socketio.Client):
    def _engineio_client_class(self) -> type[engineio.Client]:
        return _InOrder


def say_by_socket(url: str, sender: str, message: str, expected: int) -> list[dict[str, Any]]:
    """Send a message by the SocketIO channel; return the payloads of `bot_uttered`.

    Args:
        url: The server.
        sender: The session.
        message: What is said.
        expected: How many payloads to wait for; 0 waits until it is quiet.
    """
    uttered: queue.Queue[dict[str, Any]] = queue.Queue()
    confirmed = threading.Event()
    client = _Client(reconnection=False)
    client.on("bot_uttered", uttered.put)
    client.on("session_confirm", lambda _: confirmed.set())
    client.connect(url, transports=["websocket"])
    try:
        client.emit("session_request", {"session_id": sender})
        if not confirmed.wait(30):
            sys.exit(f"{url} did not confirm the session")
        client.emit("user_uttered", {"message": message, "session_id": sender})
        found = [uttered.get(timeout=60)]
        while True:
            wait = 30.0 if len(found) < expected else QUIET_S
            try:
                found.append(uttered.get(timeout=wait))
            except queue.Empty:
                return found
    finally:
        client.disconnect()


def say(url: str, sender: str, message: str) -> list[dict[str, Any]]:
    """Send a message by the REST channel; return the replies without their recipient."""
    body = {"sender": sender, "message": message}
    response = httpx.post(f"{url}/webhooks/rest/webhook", json=body, timeout=60)
    response.raise_for_status()
    replies = response.json()
    assert all(reply.pop("recipient_id") == sender for reply in replies)
    return list(replies)
