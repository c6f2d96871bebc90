import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from bot.server.metrics import Metrics
from tests.fixtures.redis import wait_until


def read(text: str) -> dict[tuple[str, frozenset], float]:
    """Return the samples by name and labels."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_live(client):
    assert client.get("/livez").json() == {"status": "ok"}


def test_ready_names_the_bundle(client, shared_server):
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json()["status"] == "ready"
    assert answer.json()["bundle"].startswith("0001-")
    assert answer.json()["tasks"] == {"following CURRENT": "running"}


def test_not_ready_without_a_bundle_says_so(start_server, tmp_path):
    server = start_server(tmp_path / "nothing")
    answer = httpx.get(f"{server.url}/readyz")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    assert "no bundle" in answer.json()["detail"]
    assert "Redis" not in answer.json()["detail"]
    assert httpx.get(f"{server.url}/livez").status_code == 200
    refused = httpx.post(f"{server.url}/api/messages", data={"sender": "s", "text": "hello"})
    assert refused.status_code == 503
    assert refused.headers["Retry-After"]
    assert "nothing" not in refused.text  # no path


def test_not_ready_without_redis_says_so_and_heals(start_server, shapes_bundles, own_redis):
    server = start_server(shapes_bundles, redis_url=own_redis.url)
    assert httpx.get(f"{server.url}/readyz").status_code == 200
    own_redis.__exit__(None, None, None)
    answer = httpx.get(f"{server.url}/readyz")
    assert answer.status_code == 503
    assert "Redis" in answer.json()["detail"]
    assert httpx.get(f"{server.url}/livez").status_code == 200
    own_redis.__enter__()
    assert httpx.get(f"{server.url}/readyz").status_code == 200


def test_a_background_task_that_fails_is_told_and_counted(start_server, three_bundles, monkeypatch):
    server = start_server(three_bundles, poll_s=0.05)

    def fail(_):
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as broken:
        broken.setattr("retrieval.bundle.versions.current_version", fail)

        def is_told():
            return "detail" in httpx.get(f"{server.url}/readyz").json()

        wait_until(is_told, "the failure was not told")
        answer = httpx.get(f"{server.url}/readyz")
        assert answer.status_code == 200  # turns are answered all the same
        assert answer.json()["detail"] == "following CURRENT fails and is tried again."
        assert "Input/output error" in answer.json()["tasks"]["following CURRENT"]
        figures = read(httpx.get(f"{server.url}/metrics").text)
        name = "showtell_background_failures_total"
        assert figures[name, frozenset({("task", "following CURRENT")})] >= 1
    wait_until(lambda: not is_told(), "it does not go on")


def test_metrics_count_turns_errors_requests_and_the_bundle(client):
    before = read(client.get("/metrics").text)
    client.post("/api/messages", data={"sender": "metrics", "text": "hello"}).raise_for_status()
    client.post("/api/messages", data={"sender": "metrics", "text": ""})
    after = read(client.get("/metrics").text)

    def grown(name, **labels):
        key = (name, frozenset(labels.items()))
        return after[key] - before.get(key, 0)

    assert grown("showtell_turns_total", channel="web", intent="greet") == 1
    assert grown("showtell_turn_seconds_count", channel="web") == 1
    for stage in ("wait", "understand", "save"):
        assert grown("showtell_stage_seconds_count", stage=stage) == 1
    assert grown("showtell_errors_total", channel="web", kind="MessageRefused") == 1
    assert grown("showtell_requests_total", method="POST", status="422") == 1
    assert grown("showtell_requests_total", method="POST", status="200") == 1
    versions = [
        dict(labels)["version"]
        for (name, labels), value in after.items()
        if name == "showtell_bundle_info" and value == 1
    ]
    assert len(versions) == 1
    assert after["showtell_bundle_loads_total", frozenset({("outcome", "live")})] >= 1


def test_only_the_live_bundle_has_a_one():
    metrics = Metrics()
    metrics.count_load("0001-aaaaaaaa", "live")
    metrics.count_load("0002-bbbbbbbb", "refused")
    metrics.count_load("0003-cccccccc", "live")
    samples = read(metrics.render().decode())
    infos = {
        dict(labels)["version"]: value
        for (name, labels), value in samples.items()
        if name == "showtell_bundle_info"
    }
    assert infos == {"0001-aaaaaaaa": 0, "0003-cccccccc": 1}


def test_two_apps_in_one_process_do_not_share_figures():
    one, other = Metrics(), Metrics()
    one.turns.labels("web", "greet").inc()
    assert b'intent="greet"' in one.render()
    assert b'intent="greet"' not in other.render()


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics"])
def test_probes_are_read_only(client, path):
    assert client.post(path).status_code == 405
