"""Connections that are kept open, headers without an end, bodies and readers that are slow."""

import socket
import time

import httpx
import pytest
import redis

from bot.errors import Overloaded
from bot.live.admission import Admission
from bot.server import bodies, protocol


@pytest.fixture
def address(server_url):
    url = httpx.URL(server_url)
    return url.host, url.port


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHost: x\r\nX-Half: "])
def test_half_sent_headers_are_not_waited_for_for_ever(address, monkeypatch, sent):
    monkeypatch.setattr(protocol, "HEADERS_TIMEOUT_S", 0.1)
    with socket.create_connection(address, timeout=60) as connection:
        connection.sendall(sent)
        assert connection.recv(1000) == b""


def test_half_of_a_second_request_is_not_waited_for_either(address, monkeypatch):
    monkeypatch.setattr(protocol, "HEADERS_TIMEOUT_S", 0.5)
    with socket.create_connection(address, timeout=60) as connection:
        connection.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.recv(1000).startswith(b"HTTP/1.1 200")
        connection.sendall(b"GET /livez HTTP/1.1\r\n")
        while connection.recv(1000):
            pass


def test_a_slow_answer_is_waited_for(address, monkeypatch, client, embedded_redis):
    monkeypatch.setattr(protocol, "HEADERS_TIMEOUT_S", 0.5)
    with redis.Redis.from_url(embedded_redis.url) as store:  # as if another message were answered
        store.set("showtell:lock:slow", "another process", px=1000)
    data = {"sender": "slow", "text": "a red star"}
    assert client.post("/api/messages", data=data).status_code == 200


@pytest.fixture
def crowded(monkeypatch):
    """No turn is let in."""

    def refuse(_):
        raise Overloaded(7)

    monkeypatch.setattr(Admission, "check", refuse)


@pytest.mark.parametrize(
    "path", ["/api/messages", "/api/search?x=1", "/webhooks/rest/webhook", "/webhook"]
)
def test_in_a_crowd_turns_are_refused_and_all_else_is_answered(crowded, client, path):
    answer = client.post(path, json={})
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "7"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.json()["detail"].endswith("again in a moment.")
    for other in ("/livez", "/readyz", "/api/about", "/widget.js"):
        assert client.get(other).status_code == 200


def test_a_refused_upload_gets_its_answer_although_it_was_not_read(crowded, server_url):
    for _ in range(3):
        picture = {"image": ("x.png", b"x" * 5_000_000)}
        answer = httpx.post(f"{server_url}/api/messages", data={"sender": "s"}, files=picture)
        assert answer.status_code == 503


def test_who_slips_in_is_refused_by_the_route_in_the_same_way(client, monkeypatch):
    asked = []

    def refuse_the_second_time(_):
        asked.append(1)
        if len(asked) % 2 == 0:
            raise Overloaded(7)

    monkeypatch.setattr(Admission, "check", refuse_the_second_time)
    for path, body in (
        ("/api/search", {"text": "a star"}),
        ("/webhooks/rest/webhook", {"sender": "s", "message": "a star"}),
        ("/model/parse", {"text": "a star"}),
        ("/webhook", {"next_action": "x", "tracker": {"sender_id": "s"}}),
    ):
        answer = client.post(path, json=body)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "7")
        assert answer.json()["detail"].endswith("again in a moment.")


def test_headers_without_an_end_are_refused(address):
    with socket.create_connection(address, timeout=60) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n")
        try:
            for number in range(10_000):
                connection.sendall(b"X-%d: %s\r\n" % (number, b"x" * 1000))
        except (BrokenPipeError, ConnectionResetError):
            pass
        else:
            pytest.fail("10 MB of headers were taken")


def test_a_client_that_does_not_read_its_answer_is_cut_off(address, monkeypatch, client):
    monkeypatch.setattr(protocol, "READING_TIMEOUT_S", 0.2)
    with socket.create_connection(address, timeout=60) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        try:
            while True:  # answers that nobody reads fill all buffers
                connection.sendall(b"GET /widget.js HTTP/1.1\r\nHost: x\r\n\r\n")
        except (BrokenPipeError, ConnectionResetError):
            pass
    assert client.get("/livez").status_code == 200


def test_a_client_that_reads_slowly_gets_all_of_its_answer(address, client):
    with socket.create_connection(address, timeout=60) as connection:
        connection.sendall(b"GET /widget.js HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        read = b"".join(iter(lambda: connection.recv(1000), b""))
    assert read.endswith(client.get("/widget.js").content)


def test_a_body_that_comes_too_slowly_is_408(address, monkeypatch):
    monkeypatch.setattr(bodies, "BODY_S", 0.2)
    head = b"POST /api/search HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"
    with socket.create_connection(address, timeout=60) as connection:
        connection.sendall(head)
        answer = b"".join(iter(lambda: connection.recv(1000), b""))  # to the end: it is closed
    assert answer.startswith(b"HTTP/1.1 408")
    assert b'{"detail":"The request came in too slowly' in answer


def test_a_body_that_comes_steadily_may_take_its_time(address, monkeypatch):
    monkeypatch.setattr(bodies, "BODY_S", 0.2)
    monkeypatch.setattr(bodies, "BODY_BYTES_PER_S", 10)
    head = b"POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Length: 32\r\n\r\n"
    with socket.create_connection(address, timeout=60) as connection:
        connection.sendall(head)
        for _ in range(8):
            connection.sendall(b"1234")
            time.sleep(0.05)
        assert connection.recv(1000).startswith(b"HTTP/1.1 400")
