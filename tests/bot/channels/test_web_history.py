"""Nothing twice, one memory: messages that are sent again, and what a conversation remembers."""

import io
import itertools

import pytest
from PIL import Image

from bot.sessions import store
from bot.sessions.scripts import keys_of

counter = itertools.count()


@pytest.fixture
def sender() -> str:
    return f"history-{next(counter)}"


def say(client, sender, text, **form):
    data = {"sender": sender, "text": text, "secret": "mine"} | form
    answer = client.post("/api/messages", data=data)
    assert answer.status_code == 200, answer.text
    return answer.json()


def history(client, sender, secret="mine"):
    return client.get("/api/messages", params={"sender": sender}, headers={"X-Chat-Secret": secret})


def test_a_repeated_message_gets_the_same_answer_and_changes_nothing(client, sender):
    say(client, sender, "a red star", message_id="one")
    page = say(client, sender, "/more_images", message_id="two")
    assert say(client, sender, "/more_images", message_id="two") == page
    assert say(client, sender, "a red star", message_id="one")["turn"] == 1
    after = say(client, sender, "/more_images", message_id="three")
    assert after["turn"] == 3, "a page of pictures was never seen"
    assert after["replies"] != page["replies"]


def test_the_history_is_for_who_began_the_conversation(client, sender):
    assert history(client, sender).json() == {"messages": [], "ratings": {}}
    first = say(client, sender, "a red star", message_id="one")
    image = first["replies"][0]["images"][0]["id"]
    rated = f'/rate_image{{"image": "{image}", "rating": "up"}}'
    say(client, sender, rated, message_id="two", shown="Good match")
    told = history(client, sender).json()
    assert [(one["id"], one["text"]) for one in told["messages"]] == [
        ("one", "a red star"),
        ("two", "Good match"),
    ]
    assert told["messages"][0]["answer"] == first
    assert told["messages"][0]["picture"] is None
    assert told["ratings"] == {image: "up"}
    for secret in ("another", ""):
        assert history(client, sender, secret).status_code == 403
    say(client, f"{sender}-open", "a red star", secret="")
    assert history(client, f"{sender}-open", "").status_code == 403


def test_the_history_shows_pictures_that_were_sent(client, sender):
    file = io.BytesIO()
    Image.new("RGB", (60, 40), "crimson").save(file, "PNG")
    data = {"sender": sender, "secret": "mine", "message_id": "picture"}
    client.post("/api/messages", data=data, files={"image": ("red.png", file.getvalue())})
    (message,) = history(client, sender).json()["messages"]
    assert message["text"] == ""
    assert message["picture"]["jpeg"].startswith("/9j/")
    assert message["answer"]["search"]["uploaded"]


def test_the_history_is_bounded_and_ends_with_its_session(
    client, sender, monkeypatch, embedded_redis
):
    import redis

    for number in range(4):
        say(client, sender, "help", message_id=str(number))
    with redis.Redis.from_url(embedded_redis.url) as kept:
        _, session, talk = keys_of(sender)
        assert abs(kept.ttl(talk) - kept.ttl(session)) <= 1
        longest = max(len(one) for one in kept.lrange(talk, 0, -1))
        monkeypatch.setattr(store, "MAX_TALK_BYTES", int(2.5 * longest))
        say(client, sender, "help", message_id="4")
        assert [one["id"] for one in history(client, sender).json()["messages"]] == ["3", "4"]
        monkeypatch.setattr(store, "MAX_EXCHANGES", 1)
        say(client, sender, "help", message_id="5")
        assert [one["id"] for one in history(client, sender).json()["messages"]] == ["5"]
        # Gone for whatever reason: who takes the name next must not read what was said under it.
        kept.delete(session)
    say(client, sender, "help", secret="another", message_id="6")
    assert [one["id"] for one in history(client, sender, "another").json()["messages"]] == ["6"]
