"""Connections that are kept open, headers without an end, bodies and readers that are slow."""

import socket
import time

import httpx
import pytest

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


def test_a_slow_answer_is_waited_for(address, monkeypatch, client):
    monkeypatch.setattr(protocol, "HEADERS_TIMEOUT_S", 0.001)
    data = {"sender": "slow", "text": "a red star"}
    assert client.post("/api/messages", data=data).status_code == 200


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
