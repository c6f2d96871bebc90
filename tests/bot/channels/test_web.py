import io
import itertools
import json
import socket

import httpx
import pytest
import redis
from PIL import Image, ImageDraw

from bot.channels.answers import to_answer
from bot.dialogue.message import Choice, Said, Turn
from bot.understanding.meaning import Meaning
from bot.understanding.operations import Exclude, Filter, Like, Search
from retrieval.search.query import Hit, Query
from retrieval.store.protocol import Picture
from tests.bot.talk import rasa_call

counter = itertools.count()


@pytest.fixture
def sender() -> str:
    return f"web-{next(counter)}"


def say(client, sender, text, **more):
    answer = client.post("/api/messages", data={"sender": sender, "text": text}, **more)
    assert answer.status_code == 200, answer.text
    return answer.json()


def encode(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def shape(mode: str = "RGB") -> Image.Image:
    image = Image.new("RGB", (160, 160), "white")
    ImageDraw.Draw(image).ellipse((30, 30, 130, 130), fill=(220, 40, 40))
    return image.convert(mode)


def images_of(answer) -> list[dict]:
    return [image for reply in answer["replies"] for image in reply.get("images", ())]


def test_a_conversation_with_pictures(client, sender):
    answer = say(client, sender, "a red star")
    assert answer["intent"]["name"] == "search_images"
    assert 0 < answer["intent"]["confidence"] <= 1
    assert answer["turn"] == 1
    first = answer["replies"][0]
    assert first["text"]
    assert {"title", "payload"} == set(first["quick_replies"][0])
    found = images_of(answer)
    assert 1 <= len(found) <= 6
    assert set(found[0]) == {
        "id", "url", "thumbnail", "caption", "score", "reasons", "width", "height",
    }  # fmt: skip
    assert found[0]["url"] == f"/images/{found[0]['id']}"
    assert "red star" in found[0]["caption"]
    for key in ("url", "thumbnail"):
        assert client.get(found[0][key]).status_code == 200
    more = say(client, sender, "/more_images")
    assert more["turn"] == 2
    assert not {i["id"] for i in images_of(more)} & {i["id"] for i in found}
    similar = say(client, sender, f'/similar_to_image{{"image": "{found[0]["id"]}"}}')
    assert images_of(similar)


def test_nothing_in_an_answer_is_null(client, sender):
    def check(value):
        assert value is not None
        for item in value.values() if isinstance(value, dict) else value:
            if isinstance(item, dict | list):
                check(item)

    check(say(client, sender, "hello"))
    check(say(client, sender, "a blue ring"))


def test_an_upload_alone_and_with_words(client, sender):
    files = {"image": ("shape.png", encode(shape()), "image/png")}
    alone = client.post("/api/messages", data={"sender": sender}, files=files)
    assert alone.status_code == 200
    assert "red circle" in images_of(alone.json())[0]["caption"]
    both = client.post("/api/messages", data={"sender": sender, "text": "but blue"}, files=files)
    assert both.status_code == 200
    assert images_of(both.json())


def upload(client, sender, content, name="x.png", kind="image/png"):
    files = {"image": (name, content, kind)}
    return client.post("/api/messages", data={"sender": sender}, files=files)


def animated() -> bytes:
    frames = [shape(), Image.new("RGB", (160, 160), "blue")]
    return encode(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=50)


def rotated() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return encode(shape(), "JPEG", exif=exif)


@pytest.mark.parametrize(
    "content",
    [animated(), encode(shape("CMYK"), "JPEG"), rotated(), encode(shape("RGBA")),
     encode(shape("P")), encode(shape("L"), "WEBP"), encode(shape(), "TIFF")],
    ids=["animated", "CMYK", "EXIF-rotated", "transparent", "palette", "gray WebP", "TIFF"],
)  # fmt: skip
def test_unusual_pictures_work(client, sender, content):
    answer = upload(client, sender, content)
    assert answer.status_code == 200, answer.text
    assert images_of(answer.json())


@pytest.mark.parametrize(
    "content",
    [
        b"", b"no picture", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"%PDF-1.4",
        b"GIF89a", encode(shape())[:200], encode(shape(), "JPEG")[:-200], b"\x89PNG\r\n\x1a\n",
    ],
    ids=["empty", "text", "SVG", "PDF", "GIF header", "cut PNG", "cut JPEG", "PNG header"],
)  # fmt: skip
def test_what_is_no_whole_picture_is_415(client, sender, content):
    answer = upload(client, sender, content)
    assert answer.status_code == 415, answer.text
    assert answer.json()["detail"].endswith(".")
    assert say(client, sender, "hello")["turn"] == 1  # nothing of it was saved


def test_over_50_megapixels_is_413_before_decoding(client, sender):
    # One color compresses to almost nothing: a real decompression bomb of 300 MB.
    bomb = encode(Image.new("1", (10_000, 10_000)))
    assert len(bomb) < 100_000
    answer = upload(client, sender, bomb)
    assert answer.status_code == 413
    assert "pixels" in answer.json()["detail"]
    huge = encode(Image.new("1", (25_000, 25_000)))
    assert upload(client, sender, huge).status_code == 413


def test_over_20_megabytes_is_413(client, sender):
    answer = upload(client, sender, b"\x89PNG" + b"\0" * 20_100_000)
    assert answer.status_code == 413
    assert answer.json()["detail"].endswith(".")


def chunked(host, port, chunks):
    """Send a chunked multipart body until the server answers; return (bytes sent, answer)."""
    boundary = "b" * 20
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="image"; filename="x"\r\n\r\n'
    ).encode()
    sent = 0
    with socket.create_connection((host, port), timeout=60) as connection:
        connection.sendall(
            b"POST /api/messages HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
            b"Content-Type: multipart/form-data; boundary=" + boundary.encode() + b"\r\n\r\n"
        )
        chunk = b"%x\r\n%s\r\n"
        try:
            connection.sendall(chunk % (len(head), head))
            for _ in range(chunks):
                connection.sendall(chunk % (1_000_000, b"\0" * 1_000_000))
                sent += 1_000_000
            connection.sendall(b"0\r\n\r\n")
        except (BrokenPipeError, ConnectionResetError):
            pass
        answer = b""
        try:
            while part := connection.recv(65536):
                answer += part
        except ConnectionResetError:
            pass
    return sent, answer


def test_an_endless_chunked_body_is_cut_off(server_url, client):
    url = httpx.URL(server_url)
    sent, answer = chunked(url.host, url.port, 1000)
    assert sent < 100_000_000
    assert not answer or answer.startswith(b"HTTP/1.1 413")
    assert client.get("/livez").status_code == 200


def test_a_chunked_body_a_little_too_large_gets_its_sentence(server_url):
    url = httpx.URL(server_url)
    _, answer = chunked(url.host, url.port, 22)
    assert answer.startswith(b"HTTP/1.1 413")
    assert b'"detail"' in answer


def test_a_declared_length_of_a_terabyte_is_refused_at_once(server_url):
    url = httpx.URL(server_url)
    with socket.create_connection((url.host, url.port), timeout=60) as connection:
        connection.sendall(
            b"POST /api/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000000\r\n"
            b"Content-Type: multipart/form-data; boundary=x\r\n\r\n"
        )
        assert connection.recv(1000).startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize(
    ("data", "word"),
    [
        ({"text": "hello"}, "Sender"),
        ({"sender": "", "text": "hello"}, "ender"),
        ({"sender": "   ", "text": "hello"}, "sender"),
        ({"sender": "s" * 201, "text": "hello"}, "201"),
        ({"sender": "a\x07b", "text": "hello"}, "U+0007"),
        ({"sender": "s"}, "empty"),
        ({"sender": "s", "text": ""}, "empty"),
        ({"sender": "s", "text": " \n "}, "empty"),
        ({"sender": "s", "text": "a" * 2001}, "2001"),
        ({"sender": "s", "text": "a\x00b"}, "U+0000"),
        ({"sender": "s", "text": "a\x1b[31mb"}, "U+001B"),
        ({"sender": "s", "text": "a\x85b"}, "U+0085"),
        ({"sender": "s", "text": "hello", "image": "no file"}, "mage"),
    ],
)
def test_bad_fields_are_422_with_a_sentence(client, data, word):
    answer = client.post("/api/messages", data=data)
    assert answer.status_code == 422
    assert word in answer.json()["detail"]
    assert answer.json()["detail"].endswith(".")


MULTIPART = "multipart/form-data; boundary=x"


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"", "multipart/form-data"),
        (b"", "multipart/form-data; boundary="),
        (b"garbage", MULTIPART),
        (b"--x\r\n", MULTIPART),
        (b"--x\r\nContent-Disposition: form-data\r\n\r\na\r\n--x--", MULTIPART),
        (b'--x\r\nContent-Disposition: form-data; name="sender"\r\n\r\na', MULTIPART),
        (b"--x\r\n" * 10_000, MULTIPART),
        (b'{"sender": "s", "text": "hello"}', "application/json"),
        (b"sender=s&text=%ff%fe%00", "application/x-www-form-urlencoded"),
        (b"&" * 50_000, "application/x-www-form-urlencoded"),
        (b"sender=s&" + b"text=a&" * 5_000, "application/x-www-form-urlencoded"),
        (b"\xff" * 1000, "text/plain"),
        (b"x", ""),
    ],
)  # fmt: skip
def test_malformed_bodies_are_client_errors(client, body, content_type):
    answer = client.post("/api/messages", content=body, headers={"Content-Type": content_type})
    assert 400 <= answer.status_code < 500, answer.text
    assert isinstance(answer.json()["detail"], str)


@pytest.mark.parametrize("kind", ["application/json", "text/plain; charset=utf-8", ""])
def test_what_is_no_form_is_told_to_send_one(client, kind):
    body = b'{"sender": "s", "text": "hello"}'
    answer = client.post("/api/messages", content=body, headers={"Content-Type": kind})
    assert answer.status_code == 415
    sentence = answer.json()["detail"]
    assert "Send a form (multipart/form-data or application/x-www-form-urlencoded)" in sentence
    for field in ("sender", "text", "image", "filters", "secret", "message_id", "shown"):
        assert field in sentence


def test_a_text_is_never_taken_for_an_address_or_a_path(client, sender, tmp_path):
    path = tmp_path / "local.png"
    path.write_bytes(encode(shape()))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.2)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/x.png"
        for text in (url, str(path), f"file://{path}", f'/similar_to_image{{"image": "{url}"}}'):
            say(client, sender, text)
            say(client, sender, "/restart_search")
        client.post("/api/search", json={"text": url})
        with pytest.raises(TimeoutError):
            listener.accept()


def test_search(client):
    answer = client.post("/api/search", json={"text": "a green ring", "k": 3})
    assert answer.status_code == 200
    hits = answer.json()["hits"]
    assert len(hits) == 3
    assert "green ring" in hits[0]["caption"]
    assert isinstance(answer.json()["confident"], bool)
    assert client.get(hits[0]["thumbnail"]).status_code == 200


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 422), (b"{", 422), (b"[]", 422), (b"null", 422), (b"{}", 422),
        (b'{"text": 5}', 422), (b'{"text": ""}', 422), (b'{"text": "a", "k": 0}', 422),
        (b'{"text": "a", "k": 101}', 422), (b'{"text": "a", "k": "many"}', 422),
        (b'{"text": "a", "k": NaN}', 422), (b'{"text": "a", "k": 1e999}', 422),
        (b'{"text": "a", "k": ' + b"9" * 5000 + b"}", 400), (b'{"text": "\\ud800"}', 422),
        (b'{"a":' * 50_000, 400), (b"\xff", 400), (b'{"text": "' + b"a" * 300_000 + b'"}', 413),
    ],
)  # fmt: skip
def test_bad_searches_are_client_errors(client, body, status):
    headers = {"Content-Type": "application/json"}
    answer = client.post("/api/search", content=body, headers=headers)
    assert answer.status_code == status, answer.text
    assert isinstance(answer.json()["detail"], str)


@pytest.mark.parametrize(
    "filters",
    [
        {f"key{number}": "x" for number in range(9)},
        {f"key{number}": "x" for number in range(10_000)},
        {"k" * 101: "x"},
        {"": "x"},
        {"tag": "x" * 201},
        {"tag": ["x"]},
        [["tag", "x"]],
    ],
    ids=["nine", "ten thousand", "long key", "no key", "long value", "a list", "pairs"],
)  # fmt: skip
def test_filters_are_bounded_in_number_and_length(client, filters):
    answer = client.post("/api/search", json={"text": "a star", "filters": filters})
    assert answer.status_code == 422
    assert "ilters" in answer.json()["detail"]
    assert len(answer.json()["detail"]) < 1000
    form = {"sender": "many-filters", "text": "a star", "filters": json.dumps(filters)}
    assert client.post("/api/messages", data=form).status_code in (400, 422)


@pytest.mark.parametrize("date", ["soon", "2023-13", "..", "2023..x"])
def test_a_date_that_is_none_is_refused_by_every_route_in_the_same_words(client, sender, date):
    filters = {"date": date}
    chat = {"sender": sender, "text": "a star", "filters": json.dumps(filters)}
    refused = [
        client.post("/api/messages", data=chat),
        client.post("/api/search", json={"text": "a star", "filters": filters}),
    ]
    assert [answer.status_code for answer in refused] == [422, 422]
    assert refused[0].json() == refused[1].json()
    assert date in refused[0].json()["detail"]


def test_as_many_filters_as_are_allowed_are_searched_with(client):
    wanted = {"color": "red", "shape": "star"} | {f"key{number}": "x" for number in range(6)}
    answer = client.post("/api/search", json={"text": "a star", "filters": wanted})
    assert (answer.status_code, answer.json().get("hits")) == (200, [])


def test_about(client):
    about = client.get("/api/about").json()
    assert about["images"] == 90
    assert about["attribution"] == "Shapes drawn by the tests"
    assert about["model"] == "shapes"
    assert about["bundle"].startswith("0001-")
    assert about["version"]
    assert len(about["examples"]) == 3  # what the gallery itself proposes


def test_any_site_may_embed_the_widget_where_all_are_let_in_but_without_credentials(client):
    origin = {"Origin": "https://elsewhere.example"}
    asked = client.options(
        "/api/messages",
        headers=origin | {"Access-Control-Request-Method": "POST"},
    )
    assert asked.status_code == 200
    answer = client.get("/api/about", headers=origin)
    assert answer.headers["access-control-allow-origin"] == origin["Origin"]
    assert "access-control-allow-credentials" not in answer.headers
    assert "Retry-After" in answer.headers["access-control-expose-headers"]
    refused = client.post("/api/messages", data={"sender": "s"}, headers=origin)
    assert refused.headers["access-control-allow-origin"] == origin["Origin"]


def test_by_default_pages_of_other_sites_and_strange_names_are_refused(
    start_server, shapes_bundles
):
    server = start_server(shapes_bundles)
    foreign = {"Origin": "https://bad.example"}
    for path in ("/api/about", "/socket.io/?EIO=4&transport=polling"):
        answer = httpx.get(server.url + path, headers=foreign)
        assert answer.status_code == 403
        assert "https://bad.example" in answer.json()["detail"]
    asked = foreign | {"Access-Control-Request-Method": "POST"}
    assert httpx.options(f"{server.url}/api/messages", headers=asked).status_code == 403
    assert httpx.get(server.url, headers={"Host": "bad.example"}).status_code == 400
    own = {"Origin": server.url}
    assert httpx.get(server.url, headers=own).status_code == 200
    asked = own | {"Access-Control-Request-Method": "POST"}
    assert httpx.options(f"{server.url}/api/messages", headers=asked).status_code == 200
    asked = own | {"Access-Control-Request-Method": "DELETE"}
    answer = httpx.options(f"{server.url}/api/messages", headers=asked)
    assert answer.status_code == 400
    assert answer.json() == {"detail": "Disallowed CORS method."}


def test_a_site_that_is_listed_may_embed_the_widget(start_server, shapes_bundles):
    server = start_server(shapes_bundles, cors_origins=("https://good.example",))
    answer = httpx.get(f"{server.url}/api/about", headers={"Origin": "https://good.example"})
    assert answer.headers["access-control-allow-origin"] == "https://good.example"
    answer = httpx.get(f"{server.url}/api/about", headers={"Origin": "https://bad.example"})
    assert answer.status_code == 403


def test_an_answer_is_what_was_said_and_what_it_was_understood_as():
    picture = Picture(0, "a" * 16, "a.png", "a" * 64, 1, 2, ("c",), {})
    hit = Hit(picture, caption="c", score=0.51239, reasons=("visual",))
    more = Choice("More", "/more_images")
    operations = (Search("dogs"), Exclude("people"), Filter("date"), Like((1, -1)))
    turn = Turn(
        said=(
            Said("utter_found", choices=(more,), pictures=(hit,), filled={"text": "Look:"}),
            Said("utter_ask_query", filled={"text": "Anything else?"}),
        ),
        meaning=Meaning(operations, "search_images", 0.9),
        query=Query(("dogs",), None, ("b",), (), ("people",), (("date", "2023"),)),
        confident=True,
        turn=3,
    )
    assert to_answer(turn).model_dump(exclude_none=True) == {
        "replies": [
            {
                "text": "Look:",
                "quick_replies": [{"title": "More", "payload": "/more_images"}],
                "images": [
                    {
                        "id": "a" * 16, "url": f"/images/{'a' * 16}",
                        "thumbnail": f"/images/{'a' * 16}?size=320", "caption": "c",
                        "score": 0.5124, "reasons": ["visual"], "width": 1, "height": 2,
                    }
                ],
            },
            {"text": "Anything else?"},
        ],
        "intent": {"name": "search_images", "confidence": 0.9},
        "turn": 3,
        "search": {
            "wanted": ["dogs"], "excluded": ["people"], "liked": ["b"], "disliked": [],
            "filters": {"date": "2023"}, "uploaded": False, "confident": True,
        },
        "operations": [
            {"do": "search", "text": "dogs"},
            {"do": "exclude", "text": "people"},
            {"do": "filter", "key": "date"},
            {"do": "like", "positions": (1, -1)},
        ],
    }  # fmt: skip


def test_the_search_and_its_parts_are_told_and_taken_out(client, sender):
    assert say(client, sender, "hello")["search"] is None
    answer = say(client, sender, "red shapes but no stars")
    assert [operation["do"] for operation in answer["operations"]] == ["search", "exclude"]
    confident = answer["search"].pop("confident")
    assert confident in (True, False)
    assert answer["search"] == {
        "wanted": ["red shapes"], "excluded": ["stars"], "liked": [], "disliked": [],
        "filters": {}, "uploaded": False,
    }  # fmt: skip
    # The pictures that it tells about are still on the screen.
    assert say(client, sender, "thanks")["search"]["confident"] is confident
    answer = say(client, sender, '/drop_from_search{"excluded": "stars"}')
    assert (answer["search"]["wanted"], answer["search"]["excluded"]) == (["red shapes"], [])
    upload(client, sender, encode(shape()))
    answer = say(client, sender, "/more_images")
    assert answer["search"]["uploaded"]
    answer = say(client, sender, '/drop_from_search{"upload": true}')
    assert answer["search"] is None


def say_with(client, sender, secret, text="a star"):
    data = {"sender": sender, "text": text} | ({"secret": secret} if secret else {})
    return client.post("/api/messages", data=data)


def test_a_conversation_belongs_to_who_began_it_with_a_secret(client, sender):
    assert say_with(client, sender, "mine").status_code == 200
    for secret in ("", "theirs"):
        answer = say_with(client, sender, secret)
        assert answer.status_code == 403
        assert answer.json()["detail"].startswith("This conversation was started by somebody else")
    message = {"sender": sender, "message": "describe the first one"}
    assert client.post("/webhooks/rest/webhook", json=message).status_code == 403
    call = rasa_call("action_describe_image", sender)
    (said,) = client.post("/webhook", json=call).json()["responses"]
    assert said["response"] == "utter_unavailable"
    assert say_with(client, sender, "mine").json()["turn"] == 2


def test_a_conversation_that_was_begun_without_a_secret_stays_open(client, sender):
    turns = [say_with(client, sender, secret).json()["turn"] for secret in ("", "", "late", "")]
    assert turns == [1, 2, 3, 4]


def test_where_senders_are_not_open_each_conversation_needs_a_secret(start_server, shapes_bundles):
    server = start_server(shapes_bundles, open_senders=False)
    with httpx.Client(base_url=server.url) as client:
        assert say_with(client, "closed", "").status_code == 403
        message = {"sender": "closed", "message": "hello"}
        assert client.post("/webhooks/rest/webhook", json=message).status_code == 403
        assert say_with(client, "closed", "mine").json()["turn"] == 1


def test_a_secret_is_not_kept_as_it_was_sent(client, sender, embedded_redis):
    say_with(client, sender, "tell-nobody")
    with redis.Redis.from_url(embedded_redis.url) as store:
        kept = store.get(f"showtell:session:{sender}")
    assert b'"owner":"' in kept
    assert b"tell-nobody" not in kept
