"""The REST channel against recordings of Rasa 3.6, and over HTTP."""

import json
from pathlib import Path

import pytest

from bot.channels.rasa_rest import rest_items

RECORDINGS = Path(__file__).parent / "recordings"


def test_items_equal_what_rasa_answered():
    """The same action's responses, through Rasa (recorded) and through us."""
    recorded = json.loads((RECORDINGS / "rest_reply.json").read_text())
    responses = json.loads((RECORDINGS / "action_response_rest.json").read_text())["responses"]
    assert rest_items("smoke", responses) == recorded


@pytest.mark.parametrize(
    ("reply", "items"),
    [
        ({"text": "one\n\ntwo\n\nthree"}, [{"text": "one"}, {"text": "two"}, {"text": "three"}]),
        ({"text": "\n\none \n"}, [{"text": "one"}]),
        (
            {"text": "one\n\ntwo", "buttons": [{"title": "More", "payload": "/more_images"}]},
            [{"text": "one\n\ntwo", "buttons": [{"title": "More", "payload": "/more_images"}]}],
        ),
        (
            {"image": "http://x/1", "custom": {"data": {}}, "text": "a", "attachment": "b"},
            [
                {"text": "a"},
                {"custom": {"data": {}}},
                {"image": "http://x/1"},
                {"attachment": "b"},
            ],
        ),
        ({"text": None, "image": None, "buttons": [], "custom": {}, "attachment": None}, []),
        ({}, []),
    ],
)
def test_parts_of_one_utterance(reply, items):
    assert rest_items("me", [reply]) == [{"recipient_id": "me", **item} for item in items]


def test_health(client):
    assert client.get("/webhooks/rest/").json() == {"status": "ok"}


def test_a_search_answers_text_then_pictures_then_data(client, server_url):
    answer = client.post(
        "/webhooks/rest/webhook", json={"sender": "rest-1", "message": "a red star"}
    )
    assert answer.status_code == 200
    items = answer.json()
    assert {item["recipient_id"] for item in items} == {"rest-1"}
    assert "text" in items[0]
    pictures = [item["image"] for item in items if "image" in item]
    assert pictures
    assert all(url.startswith(f"{server_url}/images/") for url in pictures)
    data = next(item["custom"]["data"] for item in items if "custom" in item)
    assert data["type"] == "image_results"
    assert [f"{image['url']}?size=640" for image in data["images"]] == pictures
    assert client.get(pictures[0]).headers["content-type"] == "image/webp"
    assert all(value is not None for item in items for value in item.values())


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/x-www-form-urlencoded"])
def test_json_is_read_whatever_its_content_type(client, content_type):
    headers = {"Content-Type": content_type} if content_type else {}
    body = json.dumps({"sender": "rest-2", "message": "hello"}).encode()
    answer = client.post("/webhooks/rest/webhook", content=body, headers=headers)
    assert answer.status_code == 200
    assert answer.json()[0]["text"]


@pytest.mark.parametrize("body", [{"message": "hello"}, {"sender": None, "message": "hello"}])
def test_a_missing_sender_is_default(client, body):
    items = client.post("/webhooks/rest/webhook", json=body).json()
    assert {item["recipient_id"] for item in items} == {"default"}


def test_a_number_as_sender_is_its_digits(client):
    items = client.post("/webhooks/rest/webhook", json={"sender": 17, "message": "hello"}).json()
    assert {item["recipient_id"] for item in items} == {"17"}


def test_metadata_and_input_channel_are_taken(client):
    body = {"sender": "m", "message": "hello", "metadata": {"a": 1}, "input_channel": "mobile"}
    assert client.post("/webhooks/rest/webhook", json=body).status_code == 200


def test_a_stream_is_one_line_for_each_item(client):
    message = {"sender": "rest-3", "message": "a blue ring"}
    answer = client.post("/webhooks/rest/webhook?stream=true", json=message)
    assert answer.headers["content-type"].startswith("text/event-stream")
    items = [json.loads(line) for line in answer.text.splitlines()]
    assert items[0]["recipient_id"] == "rest-3"
    assert any("image" in item for item in items)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[" * 100_000, 400),
        (b"[]", 400),
        (b'"text"', 400),
        (b"null", 400),
        (b"\xff\xfe{}", 400),
        (b"9" * 5000, 400),
        (b"{}", 422),
        (b'{"message": null}', 422),
        (b'{"message": "  "}', 422),
        (b'{"message": 5}', 422),
        (b'{"message": {"a": 1}}', 422),
        (b'{"message": "hello", "sender": true}', 422),
        (b'{"message": "hello", "sender": ["a"]}', 422),
        (b'{"message": "hello", "sender": 1.5}', 422),
        (b'{"message": "hello", "sender": ""}', 422),
        (b'{"message": "\\ud800"}', 422),
        (b'{"message": "a\\u0000b"}', 422),
        (b'{"message": "a\\u001bb"}', 422),
        (b'{"message": "hello", "sender": "a\\nb"}', 422),
        (b'{"message": "hello", "sender": "\\udfff"}', 422),
        (json.dumps({"message": "a" * 2001}).encode(), 422),
        (json.dumps({"message": "hello", "sender": "s" * 201}).encode(), 422),
        (json.dumps({"message": "hello", "metadata": "m" * 300_000}).encode(), 413),
    ],
)
def test_bad_bodies_are_refused_with_a_sentence(client, body, status):
    answer = client.post("/webhooks/rest/webhook", content=body)
    assert answer.status_code == status, answer.text
    assert answer.json()["detail"].endswith(".")


def test_text_of_the_greatest_length_and_line_breaks_are_fine(client):
    for message in ("ä" * 2000, "a red star\n\twith a tab", "👩‍👩‍👧 family"):
        body = {"sender": "long", "message": message}
        assert client.post("/webhooks/rest/webhook", json=body).status_code == 200
