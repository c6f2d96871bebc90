"""Rasa's doors and the figures, where they are closed."""

import httpx
import pytest
import socketio

from tests.fixtures.server import make_settings, serve

RASA = ("/webhook", "/model/parse", "/webhooks/rest/webhook")


@pytest.fixture(scope="module")
def closed(shapes_bundles, embedded_redis, server_data_dir):
    """A server whose doors need tokens."""
    tokens = {"rasa_token": "für Rasa", "metrics_token": "for figures"}
    settings = make_settings(shapes_bundles, embedded_redis.url, server_data_dir, **tokens)
    with serve(settings) as server, httpx.Client(base_url=server.url, timeout=60) as client:
        yield client


@pytest.mark.parametrize("path", RASA)
def test_rasas_doors_open_to_its_token_alone(closed, path):
    for query in ({}, {"token": "for figures"}, {"token": ""}):
        answer = closed.post(path, json={}, params=query)
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    bearer = {"Authorization": "Bearer für Rasa".encode()}
    for given in ({"params": {"token": "für Rasa"}}, {"headers": bearer}):
        assert closed.post(path, json={}, **given).status_code in (200, 422)
    assert "401" in closed.get("/openapi.json").json()["paths"][path]["post"]["responses"]


def test_figures_open_to_their_token_alone(closed):
    assert closed.get("/metrics").status_code == 401
    assert closed.get("/metrics", params={"token": "for figures"}).status_code == 401
    bearer = {"Authorization": "Bearer for figures"}
    assert closed.get("/metrics", headers=bearer).status_code == 200


def test_the_chat_and_the_probes_stay_open(closed):
    assert closed.get("/readyz").status_code == 200
    assert closed.post("/api/messages", data={"sender": "s", "text": "a star"}).status_code == 200


@pytest.mark.parametrize(
    ("query", "auth", "is_let_in"),
    [
        ("", None, False),
        ("?token=x", None, False),
        ("?token=f%C3%BCr%20Rasa", None, True),
        ("", {"token": "für Rasa"}, True),
        ("", {"token": 5}, False),
    ],
)
def test_a_socket_needs_the_token_too(closed, query, auth, is_let_in):
    with socketio.SimpleClient() as client:
        try:
            client.connect(f"{closed.base_url}{query}", auth=auth)
        except socketio.exceptions.ConnectionError:
            assert not is_let_in
        else:
            assert is_let_in
            client.emit("session_request", {"session_id": "s"})
            assert client.receive(timeout=30) == ["session_confirm", "s"]
