"""Connections that are kept open, and headers without an end."""

import socket

import httpx
import pytest

from bot.server import protocol


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
