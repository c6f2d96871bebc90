"""The whole application: Redis going and coming, swaps under load, vandals."""

import asyncio
import json
import re
import string

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.errors import BotError
from bot.server.app import create_app
from bot.settings import SettingsError, load_settings
from retrieval.bundle.bundle import Bundle, list_versions


@pytest.mark.parametrize("missing", ["bundles", "redis_url"])
def test_a_missing_setting_is_named(tmp_path, monkeypatch, missing):
    monkeypatch.delenv("SHOWTELL_REDIS_URL", raising=False)
    monkeypatch.delenv("SHOWTELL_BUNDLES", raising=False)
    given = {"bundles": tmp_path, "redis_url": "redis://127.0.0.1:1"}
    del given[missing]
    with pytest.raises(SettingsError, match=f"SHOWTELL_{missing.upper()}") as refused:
        create_app(load_settings(**given))
    assert isinstance(refused.value, BotError)
    assert refused.value.exit_code == 2


def test_docs_and_openapi_list_the_contract(client):
    docs = client.get("/docs")
    assert docs.status_code == 200
    loaded = re.findall(r'(?:src|href)="([^"]+)"', docs.text)
    assert len(loaded) >= 2
    for address in loaded:  # from here: a machine without Internet reads them too
        assert address.startswith("/")
        assert client.get(address).status_code == 200
    paths = set(client.get("/openapi.json").json()["paths"])
    assert paths >= {
        "/api/messages", "/api/search", "/images/{image_id}", "/webhooks/rest/webhook", "/webhook",
        "/health", "/actions", "/admin/model", "/admin/reload", "/admin/rollback", "/livez",
        "/readyz", "/metrics", "/model/parse", "/api/about",
    }  # fmt: skip


def test_an_unknown_route_is_a_json_404(client):
    answer = client.get("/no-such-route")
    assert answer.status_code == 404
    assert answer.json() == {"detail": "Not Found."}
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-request-id"]


def test_redis_goes_and_comes_back(start_server, shapes_bundles, own_redis):
    """503 while it is away, nothing half-saved, and the conversation goes on by itself."""
    server = start_server(shapes_bundles, redis_url=own_redis.url)
    with httpx.Client(base_url=server.url, timeout=60) as client:

        def say(text):
            return client.post("/api/messages", data={"sender": "s", "text": text})

        assert say("a red star").json()["turn"] == 1
        own_redis.__exit__(None, None, None)
        for _ in range(2):
            away = say("/more_images")
            assert away.status_code == 503
            assert int(away.headers["Retry-After"]) > 0
            assert away.json()["detail"].endswith(".")
            assert "redis" not in away.text.lower()
        rest = client.post("/webhooks/rest/webhook", json={"sender": "s", "message": "hello"})
        assert rest.status_code == 503
        assert client.get("/livez").status_code == 200
        assert client.post("/api/search", json={"text": "a red star"}).status_code == 200
        own_redis.__enter__()
        back = say("/more_images")
        assert back.status_code == 200
        assert back.json()["turn"] == 2
        assert any(reply.get("images") for reply in back.json()["replies"])


def test_turns_during_swaps_never_fail_and_never_mix(start_server, three_bundles, admin):
    """Chat under load while bundles that share no picture are swapped and rolled back."""
    versions = list_versions(three_bundles)
    pictures = {}
    for version in versions:
        with Bundle.open(three_bundles, version, verify=False) as bundle:
            rows = bundle.store.pictures(range(len(bundle.store)))
            pictures[version] = {image.image_id for image in rows}
    server = start_server(three_bundles)
    seen = []

    async def scenario():
        limits = httpx.Limits(max_connections=20)
        async with httpx.AsyncClient(base_url=server.url, timeout=120, limits=limits) as client:
            done = asyncio.Event()

            async def chat(number):
                turn = 0
                while not done.is_set():
                    turn += 1
                    data = {"sender": f"load-{number}-{turn}", "text": "a yellow square"}
                    answer = await client.post("/api/messages", data=data)
                    assert answer.status_code == 200, answer.text
                    found = {
                        image["id"]
                        for reply in answer.json()["replies"]
                        for image in reply.get("images", ())
                    }
                    assert found
                    (version,) = [v for v in versions if found & pictures[v]]
                    assert found <= pictures[version]
                    seen.append(version)

            async def operate(path, **body):
                answer = await client.post(f"/admin/{path}", json=body, headers=admin)
                assert answer.status_code == 200, answer.text
                return answer.json()["version"]

            async with asyncio.TaskGroup() as group:
                for number in range(5):
                    group.create_task(chat(number))
                assert await operate("reload", version=versions[2]) == versions[2]
                assert await operate("rollback") == versions[1]
                assert await operate("rollback") == versions[0]
                await asyncio.gather(
                    operate("reload", version=versions[1]), operate("reload", version=versions[2])
                )
                done.set()

    asyncio.run(scenario())
    assert len(seen) >= 10
    assert len(set(seen)) >= 2


def test_one_senders_turns_are_in_order_and_others_do_not_wait(client, server_url):
    async def scenario():
        async with httpx.AsyncClient(base_url=server_url, timeout=120) as client:

            async def say(sender, text):
                answer = await client.post("/api/messages", data={"sender": sender, "text": text})
                return answer.json()["turn"]

            await say("order-a", "a red star")
            turns = await asyncio.gather(*(say("order-a", "/more_images") for _ in range(6)))
            other = await say("order-b", "a red star")
        return turns, other

    turns, other = asyncio.run(scenario())
    assert sorted(turns) == [2, 3, 4, 5, 6, 7]
    assert other == 1


def test_a_crowd_is_answered_or_told_when_to_come_again(start_server, shapes_bundles):
    server = start_server(shapes_bundles)

    async def scenario():
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(base_url=server.url, timeout=120, limits=limits) as client:

            async def say(number):
                data = {"sender": f"crowd-{number}", "text": "a red star"}
                return await client.post("/api/messages", data=data)

            answers = [asyncio.create_task(say(number)) for number in range(150)]
            ready = await client.get("/readyz")
            return ready, await asyncio.gather(*answers)

    ready, answers = asyncio.run(scenario())
    assert ready.status_code == 200
    refused = [answer for answer in answers if answer.status_code == 503]
    assert all(answer.status_code in (200, 503) for answer in answers)
    assert len(answers) - len(refused) >= 8
    assert refused
    assert all(1 <= int(answer.headers["Retry-After"]) <= 60 for answer in refused)
    figures = httpx.get(f"{server.url}/metrics").text
    (counted,) = re.findall(r"^showtell_refusals_total (\d+)", figures, re.MULTILINE)
    assert int(counted) >= 1


# What a vandal sends

PATHS = [
    "/", "/api/messages", "/api/search", "/api/about", "/images/0123456789abcdef", "/images/x",
    "/webhooks/rest/", "/webhooks/rest/webhook", "/webhooks/socketio/", "/socket.io/", "/webhook",
    "/health", "/actions", "/model/parse", "/admin/model", "/admin/reload", "/admin/rollback",
    "/livez", "/readyz", "/metrics", "/widget.js", "/openapi.json",
]  # fmt: skip
METHODS = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "BREW"]
TEXTS = st.one_of(
    st.text(max_size=40),
    st.text(st.characters(categories=["Cc", "Cs", "Co", "Cf", "Zl"]), max_size=10),
    st.sampled_from(
        [
            "/search_images", '/similar_to_image{"image": 5}', "/rate_image{", "/" * 50, "{query}",
            '/similar_to_image{"position": 99999999999999999999}', '/search_images{"query": null}',
            '/unlike_image{"image": "../../x"}', '/search_images{"query": {"a": [1]}}',
            "'; DROP TABLE images; --", '" OR NEAR(', "*" * 100, "a" * 2001, "\u202e\u0000",
            "/more_images", "/undo_search", '/describe_image{"position": -7}', "%s%n{0}$x",
        ]
    ),
)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["sender", "message", "text", "k", "next_action", "tracker", "sender_id", "domain",
                 "latest_message", "version", "intent", "entities", "slots", "metadata", "events"]
            )
            | st.text(string.printable, max_size=5),
            inner,
            max_size=6,
        )
    ),
    max_leaves=12,
)  # fmt: skip
BODIES = st.one_of(
    st.binary(max_size=200),
    JSON.map(lambda value: json.dumps(value).encode()),
    st.fixed_dictionaries({"sender": TEXTS, "message": TEXTS, "text": TEXTS}).map(
        lambda value: json.dumps(value).encode()
    ),
    st.fixed_dictionaries(
        {
            "next_action": st.sampled_from(["action_search_images", "action_rate_image", "x"]),
            "tracker": st.fixed_dictionaries(
                {"sender_id": st.just("vandal"), "latest_message": JSON, "slots": JSON}
            ),
            "domain": JSON,
        }
    ).map(lambda value: json.dumps(value).encode()),
)
HEADERS = st.dictionaries(
    st.sampled_from(
        ["Content-Type", "Content-Encoding", "Accept", "Range", "If-None-Match", "Origin",
         "Authorization", "X-Request-ID", "Accept-Encoding", "Expect-CT", "If-Range"]
    ),
    st.sampled_from(
        ["application/json", "multipart/form-data", "multipart/form-data; boundary=x", "gzip",
         "deflate", "bytes=0-0,5-2", "bytes=-1", "*", "Bearer x", "text/plain; charset=nope",
         "application/x-www-form-urlencoded", "\xff\xfe", "", "W/", "a" * 3000]
    ).map(lambda value: value.encode("latin-1")),
    max_size=3,
)  # fmt: skip


@settings(
    max_examples=250,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    path=st.sampled_from(PATHS),
    method=st.sampled_from(METHODS),
    query=st.sampled_from(["", "?size=160", "?size=x", "?stream=true", "?EIO=4&transport=polling",
                           "?EIO=x&sid=%00", "?%ff=%fe", "?size=160&size=320"]),
    headers=HEADERS,
    body=BODIES,
)  # fmt: skip
def test_nothing_a_vandal_sends_is_a_5xx(client, path, method, query, headers, body):
    answer = client.request(method, path + query, headers=headers, content=body)
    assert answer.status_code < 500, (answer.status_code, answer.text)


@settings(
    max_examples=120,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(sender=TEXTS, text=TEXTS, content=st.none() | st.binary(max_size=100))
def test_nothing_in_a_form_is_a_5xx(client, sender, text, content):
    def plain(value):
        return value.encode("utf-8", "surrogatepass")

    files = {"sender": (None, plain(sender)), "text": (None, plain(text))}
    if content is not None:
        files["image"] = ("x.png", content)
    answer = client.post("/api/messages", files=files)
    assert answer.status_code < 500, (answer.status_code, answer.text)


def test_after_all_that_it_still_answers(client):
    answer = client.post("/api/messages", data={"sender": "after", "text": "a red star"})
    assert answer.status_code == 200
    assert any(reply.get("images") for reply in answer.json()["replies"])
