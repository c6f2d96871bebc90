"""The action server with the very bodies that Rasa 3.6 sends."""

import copy
import gzip
import json
import zlib
from pathlib import Path

import httpx
import pytest

RECORDINGS = Path(__file__).parent / "recordings"
RECORDED = json.loads((RECORDINGS / "action_request_rest.json").read_text())
RESPONSE_KEYS = set(
    json.loads((RECORDINGS / "action_response_rest.json").read_text())["responses"][0]
)


@pytest.fixture(scope="module")
def domain():
    from bot.understanding.rasa_project import RasaProject

    return RasaProject.load().domain


@pytest.fixture
def call(domain, request):
    """A call as Rasa posts it: the recording, with our domain and words that fit the pictures."""
    call = copy.deepcopy(RECORDED)
    call["domain"] = domain
    call["sender_id"] = call["tracker"]["sender_id"] = f"rasa-{request.node.name}"[:100]
    text = "find images of a red star"
    start = text.index("a red star")
    call["tracker"]["latest_message"] |= {
        "text": text,
        "intent": {"name": "search_images", "confidence": 0.99},
        "entities": [{"entity": "query", "start": start, "end": len(text), "value": "a red star"}],
    }
    return call


def test_a_search(client, call):
    answer = client.post("/webhook", json=call)
    assert answer.status_code == 200
    assert set(answer.json()) == {"events", "responses"}
    responses = answer.json()["responses"]
    assert all(set(response) >= RESPONSE_KEYS for response in responses)
    pictures = [response["image"] for response in responses if response["image"]]
    assert pictures
    data = next(response["custom"]["data"] for response in responses if response["custom"])
    assert data["type"] == "image_results"
    assert "red star" in data["images"][0]["caption"]
    assert client.get(pictures[0]).status_code == 200


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [
        ("deflate", zlib.compress),
        ("gzip", gzip.compress),
        ("identity", bytes),
        ("Deflate", zlib.compress),
    ],
)
def test_compressed_bodies(client, call, encoding, pack):
    body = pack(json.dumps(call).encode())
    answer = client.post("/webhook", content=body, headers={"Content-Encoding": encoding})
    assert answer.status_code == 200
    assert answer.json()["responses"]


def test_chunked_and_compressed(client, call):
    body = zlib.compress(json.dumps(call).encode())
    pieces = (body[i : i + 100] for i in range(0, len(body), 100))
    answer = client.post("/webhook", content=pieces, headers={"Content-Encoding": "deflate"})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("body", "encoding", "status"),
    [
        (b"no zlib", "deflate", 400),
        (zlib.compress(b'{"a": 1}')[:-3], "deflate", 400),
        (b"", "gzip", 400),
        (gzip.compress(b"\0" * 100_000_000), "gzip", 413),
        (zlib.compress(b" " * 16_000_001), "deflate", 413),
        (b"{}", "br", 415),
        (b"{}", "deflate, gzip", 415),
        (b"{", "", 400),
        (b"[]", "", 400),
        (b"null", "", 400),
        (b"[" * 100_000, "", 400),
    ],
)
def test_bad_bodies(client, body, encoding, status):
    headers = {"Content-Encoding": encoding} if encoding else {}
    answer = client.post("/webhook", content=body, headers=headers)
    assert answer.status_code == status
    assert answer.json()["detail"].endswith(".")


def test_what_an_extractor_leaves_out_is_no_error(client, call):
    latest = call["tracker"]["latest_message"]
    latest["intent_ranking"] = [{"name": "search_images"}, {"confidence": 0.3}, {"name": None}]
    for entity in latest["entities"]:
        del entity["start"], entity["end"]
    answer = client.post("/webhook", json=call)
    assert answer.status_code == 200
    assert any(response["image"] for response in answer.json()["responses"])


def test_an_unknown_action_is_404_as_in_rasa_sdk(client, call):
    call["next_action"] = "action_fly"
    answer = client.post("/webhook", json=call)
    assert answer.status_code == 404
    assert answer.json() == {
        "error": "No registered action found for name 'action_fly'.",
        "action_name": "action_fly",
    }


def test_a_missing_domain_is_449(client, call):
    del call["domain"]
    answer = client.post("/webhook", json=call)
    assert answer.status_code == 449
    assert answer.json()["action_name"] == "action_search_images"
    assert "domain" in answer.json()["error"]


def test_no_action_does_nothing(client, call):
    call["next_action"] = None
    answer = client.post("/webhook", json=call)
    assert (answer.status_code, answer.json()) == (200, None)


@pytest.mark.parametrize(
    "change",
    [
        {"tracker": None},
        {"tracker": []},
        {"tracker": {}},
        {"tracker": {"sender_id": 5}},
        {"tracker": {"sender_id": "s", "latest_message": []}},
        {"tracker": {"sender_id": "s", "latest_message": {"intent": "search_images"}}},
        {"tracker": {"sender_id": "s", "latest_message": {"entities": "query"}}},
        {"tracker": {"sender_id": "s", "latest_message": {"entities": [5]}}},
        {"tracker": {"sender_id": "s", "latest_message": {"text": 5}}},
        {"tracker": {"sender_id": "s", "latest_message": {"intent_ranking": [{"name": []}]}}},
        {"tracker": {"sender_id": "s", "slots": []}},
        {"tracker": {"sender_id": "s", "events": {}}},
        {"domain": []},
        {"domain": "domain"},
        {"next_action": ["a"]},
        {"next_action": {"a": 1}},
    ],
)
def test_wrong_types_are_400_and_named(client, call, change):
    answer = client.post("/webhook", json=call | change)
    assert answer.status_code == 400, answer.text
    assert next(iter(change)) in answer.json()["detail"].lower()


@pytest.mark.parametrize("sender", ["", " ", "s" * 201, "a\x00b"])
def test_a_sender_that_cannot_be_used_is_422(client, call, sender):
    call["tracker"]["sender_id"] = sender
    assert client.post("/webhook", json=call).status_code == 422


def test_what_keeps_a_turn_from_being_answered_is_said(
    start_server, shapes_bundles, own_redis, call
):
    server = start_server(shapes_bundles, redis_url=own_redis.url)
    own_redis.__exit__(None, None, None)
    answer = httpx.post(f"{server.url}/webhook", json=call, timeout=60)
    assert answer.status_code == 200
    assert answer.json()["responses"]
    own_redis.__enter__()
    answer = httpx.post(f"{server.url}/webhook", json=call, timeout=60)
    assert any(response["image"] for response in answer.json()["responses"])


def test_the_same_session_as_in_the_other_channels(client, call):
    sender = call["tracker"]["sender_id"]
    client.post("/webhook", json=call).raise_for_status()
    answer = client.post("/api/messages", data={"sender": sender, "text": "/more_images"}).json()
    assert answer["turn"] == 2
    assert any(reply.get("images") for reply in answer["replies"])


def test_health_and_actions(client):
    assert client.get("/health").json() == {"status": "ok"}
    names = [item["name"] for item in client.get("/actions").json()]
    assert set(names) == {
        "action_search_images", "action_refine_search", "action_exclude_from_search",
        "action_drop_from_search", "action_more_images", "action_similar_to_image",
        "action_unlike_image",
        "action_describe_image", "action_undo_search", "action_restart_search",
        "action_rate_image", "action_browse_gallery", "action_redo_search",
        "action_ask", "action_react", "action_small_talk",
    }  # fmt: skip


def test_parse_answers_where_a_payload_holds_half_a_character(client):
    for payload in (r'{"query": "\ud800"}', r'{"\ud800": "x"}', r'{"a": ["\ud800", 1, true]}'):
        answer = client.post("/model/parse", json={"text": f"/search_images{payload}"})
        assert answer.status_code == 200
        assert answer.json()["intent"]["name"] == "search_images"


def test_parse_answers_as_rasa_does(client):
    parsed = client.post("/model/parse", json={"text": "show me a red star"}).json()
    assert parsed["text"] == "show me a red star"
    assert parsed["intent"]["name"] == "search_images"
    assert parsed["intent_ranking"][0]["name"] == "search_images"
    entity = parsed["entities"][0]
    assert parsed["text"][entity["start"] : entity["end"]] == entity["value"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400), (b"{", 400), (b"{}", 422), (b'{"text": 5}', 422), (b'{"text": null}', 422),
        (b'{"text": "a\\u0000"}', 422), (b'{"text": "\\udc00"}', 422),
        (json.dumps({"text": "a" * 2001}).encode(), 422),
    ],
)  # fmt: skip
def test_what_cannot_be_parsed_is_a_client_error(client, body, status):
    assert client.post("/model/parse", content=body).status_code == status


def test_the_action_server_alone(start_server, shapes_bundles, call):
    server = start_server(shapes_bundles, only_actions=True)
    with httpx.Client(base_url=server.url, timeout=60) as client:
        responses = client.post("/webhook", json=call).json()["responses"]
        picture = next(response["image"] for response in responses if response["image"])
        assert client.get(picture).status_code == 200
        assert client.get("/readyz").status_code == 200
        assert client.post("/model/parse", json={"text": "hello"}).status_code == 200
        for path in ("/", "/widget.js", "/api/about", "/webhooks/rest/", "/socket.io/"):
            assert client.get(path).status_code == 404
