"""Doors that are closed, and who asks too often; both hold up nobody else."""

import httpx
import pytest
import socketio

from bot.channels.guards import RateLimits
from bot.errors import TooOften
from bot.settings import SettingsError, load_settings
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


def test_a_sender_is_counted_apart_from_others():
    rates = RateLimits("2/minute", "")
    for _ in range(2):
        rates.count_sender("anna")
    with pytest.raises(TooOften) as refused:
        rates.count_sender("anna")
    assert 1 <= refused.value.retry_after_s <= 60
    rates.count_sender("ben")
    for _ in range(100):
        rates.count_address("anna")  # no limit there


def test_blank_lifts_both_limits():
    rates = RateLimits("", "")
    for _ in range(1000):
        rates.count_sender("anna")
        rates.count_address("127.0.0.1")


@pytest.mark.parametrize("rate", ["fast", "60", "60/fortnight"])
def test_a_rate_that_cannot_be_read_is_named(rate):
    with pytest.raises(SettingsError, match=f"SHOWTELL_LIMIT_SENDER.*{rate}.*60/minute"):
        load_settings(limit_sender=rate)


@pytest.mark.parametrize(
    ("proxies", "statuses"), [("127.0.0.1", [200, 429, 200]), ("", [200, 429, 429])]
)
def test_behind_a_proxy_that_is_trusted_each_client_counts_for_itself(
    start_server, shapes_bundles, proxies, statuses
):
    server = start_server(shapes_bundles, limit_address="1/hour", trusted_proxies=proxies)

    def ask(client):
        headers = {"X-Forwarded-For": client}
        return httpx.post(
            f"{server.url}/api/search", json={"text": "a star"}, headers=headers, timeout=60
        ).status_code

    assert [ask(client) for client in ("198.51.100.1", "198.51.100.1", "198.51.100.2")] == statuses


def test_the_limits_hold_on_every_way_in(start_server, shapes_bundles):
    server = start_server(shapes_bundles, limit_sender="2/hour", limit_address="5/hour")

    def say(sender):
        return client.post("/api/messages", data={"sender": sender, "text": "hello"})

    with httpx.Client(base_url=server.url, timeout=60) as client:
        assert [say("rates-a").status_code for _ in range(3)] == [200, 200, 429]
        refused = say("rates-a")
        assert int(refused.headers["Retry-After"]) > 60
        assert refused.json()["detail"].startswith("You are asking too fast.")
        rest = {"sender": "rates-b", "message": "hello"}
        assert client.post("/webhooks/rest/webhook", json=rest).status_code == 200
        assert client.post("/api/search", json={"text": "a star"}).status_code == 429
        assert client.get("/api/about").status_code == 200
