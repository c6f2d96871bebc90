"""The SocketIO channel with python-socketio's real client, over both transports."""

import json
import queue
from pathlib import Path

import httpx
import pytest
import requests
import socketio
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.channels.rasa_socketio import bot_utterances
from bot.server.errors import SORRY

RECORDINGS = Path(__file__).parent / "recordings"


class Person:
    """A connected client that collects what it is sent."""

    def __init__(self, url: str, transport: str, headers: dict[str, str] | None = None) -> None:
        self.http = requests.Session()
        self.client = socketio.Client(reconnection=False, http_session=self.http)
        self.confirmed: queue.Queue[object] = queue.Queue()
        self.uttered: queue.Queue[dict] = queue.Queue()
        self.client.on("session_confirm", self.confirmed.put)
        self.client.on("bot_uttered", self.uttered.put)
        try:
            self.client.connect(url, transports=[transport], headers=headers or {})
        except socketio.exceptions.ConnectionError:
            self.http.close()
            raise
        self.websocket = self.client.eio.ws

    def leave(self) -> None:
        if self.client.connected and self.client.transport() == "polling":
            # The client waits for its open poll to end: give the server something to answer.
            self.client.emit("session_request", {})
        self.client.disconnect()
        self.client.wait()
        if self.websocket:  # the client forgets to close it when the server hangs up
            self.websocket.shutdown()
        self.http.close()

    def request_session(self, data: object) -> object:
        self.client.emit("session_request", data)
        return self.confirmed.get(timeout=30)

    def say(self, **message: object) -> None:
        self.client.emit("user_uttered", message)

    def hear(self) -> dict:
        return self.uttered.get(timeout=60)

    def hear_pictures(self) -> list[dict]:
        """Return everything up to a search's last utterance, which has the quick replies."""
        heard = [self.hear()]
        while not heard[-1].get("quick_replies"):
            heard.append(self.hear())
        return heard


@pytest.fixture(params=["websocket", "polling"])
def transport(request):
    return request.param


@pytest.fixture
def connect(server_url):
    people = []

    def connect(transport="websocket", url=server_url, **more):
        people.append(Person(url, transport, **more))
        return people[-1]

    yield connect
    for person in people:
        person.leave()


def test_forms_equal_what_rasa_sent():
    """Rasa sent text, image, data in three utterances (recorded); the same from the same parts."""
    lines = (RECORDINGS / "socketio_client.txt").read_text().splitlines()
    recorded = [json.loads(line[12:]) for line in lines if line.startswith("bot_uttered ")]
    replies = [
        {"text": recorded[0]["text"], "image": recorded[1]["attachment"]["payload"]["src"]},
        {"custom": {"data": recorded[2]}},
    ]
    assert list(bot_utterances(replies)) == recorded


@pytest.mark.parametrize(
    ("reply", "utterances"),
    [
        ({"text": "one\n\ntwo"}, [{"text": "one"}, {"text": "two"}]),
        (
            {"text": "one\n\ntwo", "buttons": [{"title": "T", "payload": "/p", "type": "x"}]},
            [
                {"text": "one", "quick_replies": []},
                {
                    "text": "two",
                    "quick_replies": [{"content_type": "text", "title": "T", "payload": "/p"}],
                },
            ],
        ),
        ({"attachment": {"type": "video"}}, [{"attachment": {"type": "video"}}]),
        ({"text": None, "buttons": [], "custom": {}, "image": None}, []),
    ],
)
def test_forms(reply, utterances):
    assert list(bot_utterances([reply])) == utterances


def test_a_conversation(connect, transport):
    person = connect(transport)
    assert person.client.transport() == transport
    assert person.request_session({"session_id": f"sio-{transport}"}) == f"sio-{transport}"
    person.say(message="a green ring", session_id=f"sio-{transport}", customData={"a": 1})
    heard = person.hear_pictures()
    assert heard[0].keys() == {"text"}
    pictures = [one["attachment"]["payload"]["src"] for one in heard if "attachment" in one]
    assert pictures == [f"{image['url']}?size=640" for image in heard[-2]["images"]]
    person.say(message="/more_images", session_id=f"sio-{transport}", metadata='{"a": 1}')
    more = person.hear_pictures()
    assert not {image["id"] for image in more[-2]["images"]} & {
        image["id"] for image in heard[-2]["images"]
    }


@pytest.mark.parametrize("data", [None, {}, {"session_id": None}])
def test_a_session_id_is_made_when_none_is_sent(connect, data):
    session_id = connect().request_session(data)
    assert isinstance(session_id, str)
    assert len(session_id) == 32
    assert int(session_id, 16)


def test_all_windows_of_one_session_hear_the_answer(connect):
    one, other, stranger = connect(), connect("polling"), connect()
    for person in (one, other):
        person.request_session({"session_id": "sio-windows"})
    stranger.request_session({"session_id": "sio-stranger"})
    one.say(message="hello", session_id="sio-windows")
    assert one.hear() == other.hear()
    stranger.say(message="hello", session_id="sio-stranger")
    stranger.hear()
    assert stranger.uttered.empty()


def test_windows_at_another_server_hear_it_and_a_repeated_message_is_known_there(
    connect, start_server, shapes_bundles, server_url
):
    one, other = connect(), connect(url=start_server(shapes_bundles).url)
    for person in (one, other):
        person.request_session({"session_id": "sio-two"})
    # Said until the other server listens: a window that was there later would not hear it either.
    message = {"message": "a red star", "session_id": "sio-two", "message_id": "1"}
    heard = []
    while other.uttered.empty():
        one.say(**message)
        heard.append(one.hear_pictures())
    other.say(**message)
    again = one.hear_pictures()
    assert again == other.hear_pictures() == heard[0]
    assert [one.get("images") for one in again][-2]


def test_messages_are_answered_in_order(connect):
    person = connect()
    person.request_session({"session_id": "sio-order"})
    for color in ("red", "green", "blue"):
        person.say(message=f"a {color} star", session_id="sio-order")
    for color in ("red", "green", "blue"):
        assert color in person.hear_pictures()[-2]["images"][0]["caption"]


def test_without_a_session_the_connection_is_the_session(connect):
    person = connect()
    person.say(message="hello")
    assert person.hear()["text"]


@pytest.mark.parametrize(
    "message",
    [
        None,
        "hello",
        ["a"],
        {"message": 7},
        {"message": "a" * 2001},
        {"message": "a\x00b"},
        {"message": "hello", "session_id": ["x"]},
        {"message": "hello", "session_id": "x" * 201},
        {"message": "hello", "session_id": {"a": 1}},
    ],
)
def test_what_cannot_be_read_is_answered_with_a_sentence(connect, message):
    person = connect()
    person.client.emit("user_uttered", message)
    assert person.hear()["text"].endswith(".")
    person.say(message="hello", session_id="sio-after")
    assert person.hear()["text"]


@pytest.mark.parametrize("message", [{}, {"message": None}, {"message": ""}])
def test_nothing_is_said_to_a_widget_without_a_first_message(connect, message):
    person = connect()
    person.say(**message, session_id="sio-silent")
    person.say(message="hello", session_id="sio-silent")
    assert person.hear()["text"].startswith("Hello")


def test_a_repeated_message_gets_the_same_utterances(connect):
    person = connect()
    heard = []
    for number in ("1", "2", "2"):
        message = "/more_images" if heard else "a red star"
        person.say(message=message, session_id="sio-again", message_id=number)
        heard.append(person.hear_pictures())
    assert heard[1] == heard[2] != heard[0]


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["message", "session_id", "customData"]) | st.text(max_size=5),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


def test_nothing_that_a_client_emits_is_an_error_of_ours(connect):
    person = connect()

    @settings(max_examples=80, deadline=None, derandomize=True)
    @given(event=st.sampled_from(["user_uttered", "session_request", "other"]), data=ANYTHING)
    def emit(event, data):
        person.client.emit(event, data)

    emit()
    person.say(message="hello", session_id="sio-after-all")
    heard = [person.hear()]
    while not heard[-1]["text"].startswith("Hello"):
        heard.append(person.hear())
    assert SORRY not in [one.get("text") for one in heard]


@pytest.mark.parametrize("session_id", ["", "x" * 201, "a\nb", ["x"], True])
def test_a_session_id_that_cannot_be_used_is_refused(connect, session_id):
    person = connect()
    person.client.emit("session_request", {"session_id": session_id})
    assert person.hear()["text"].endswith(".")
    assert person.confirmed.empty()


def test_redis_away_is_said_and_heals(start_server, shapes_bundles, own_redis, connect):
    server = start_server(shapes_bundles, redis_url=own_redis.url)
    person = connect(url=server.url)
    own_redis.__exit__(None, None, None)
    person.say(message="hello", session_id="sio-redis")
    assert "try again" in person.hear()["text"].lower()
    own_redis.__enter__()
    person.say(message="hello", session_id="sio-redis")
    assert "try again" not in person.hear()["text"].lower()


def test_pages_of_other_sites_may_be_kept_out(start_server, shapes_bundles, connect):
    server = start_server(shapes_bundles, cors_origins=("https://good.example",))
    for origin in ("https://good.example", server.url):
        connect("polling", url=server.url, headers={"Origin": origin})
    with pytest.raises(socketio.exceptions.ConnectionError):
        connect("polling", url=server.url, headers={"Origin": "https://bad.example"})


def test_health(server_url):
    assert httpx.get(f"{server_url}/webhooks/socketio/").json() == {"status": "ok"}


def test_an_oversized_packet_ends_only_its_connection(connect):
    person = connect()
    person.client.emit("user_uttered", {"message": "a" * 1_000_000})
    person.client.wait()
    other = connect()
    other.say(message="hello")
    assert other.hear()["text"]
