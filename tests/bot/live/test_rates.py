"""Who asks too often is told when to come again, and holds up nobody else."""

import httpx
import pytest

from bot.errors import TooOften
from bot.live.rates import RateLimits
from bot.settings import SettingsError, load_settings


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
