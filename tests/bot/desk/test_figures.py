import math

import pytest

from bot.desk.figures import quantile
from bot.stages import STAGES

BUCKETS = [(0.1, 0.0), (0.5, 10.0), (1.0, 20.0), (math.inf, 20.0)]


@pytest.mark.parametrize(
    ("share", "value"), [(0.5, 0.5), (0.25, 0.3), (0.75, 0.75), (1.0, 1.0), (0.0, 0.1)]
)
def test_a_quantile_is_linear_within_its_bucket(share, value):
    assert quantile(BUCKETS, share) == pytest.approx(value)


def test_beyond_the_last_bound_is_that_bound_and_nothing_is_none():
    assert quantile([(0.1, 1.0), (math.inf, 10.0)], 0.95) == 0.1
    assert quantile([], 0.5) is None
    assert quantile([(0.1, 0.0), (math.inf, 0.0)], 0.5) is None


def test_the_desk_tells_what_metrics_tell(client, admin):
    before = client.get("/admin/figures", headers=admin).json()
    client.post("/api/messages", data={"sender": "figures", "text": "a red circle"})
    client.post("/api/messages", data={"sender": "figures"})
    now = client.get("/admin/figures", headers=admin).json()
    assert now["turns"]["web"] == before["turns"].get("web", 0) + 1
    assert now["intents"]["search_images"] == before["intents"].get("search_images", 0) + 1
    assert now["errors"]["MessageRefused"] == before["errors"].get("MessageRefused", 0) + 1
    assert now["requests"]["422"] == before["requests"].get("422", 0) + 1
    assert [one["name"] for one in now["stages"]] == list(STAGES)
    assert all(0 < one["median"] <= one["p95"] for one in now["stages"])
    assert now["whole"]["count"] == sum(now["turns"].values())
    assert now["sessions"] >= 1
    assert now["more_sessions"] is False
