import json
import time

import httpx
import pytest

from retrieval.bundle.bundle import current_version, list_versions, publish

ROUTES = [
    ("GET", "/admin/model"),
    ("POST", "/admin/reload"),
    ("POST", "/admin/rollback"),
    ("GET", "/admin/bundles"),
    ("DELETE", "/admin/bundles/0001-00000000"),
    ("GET", "/admin/folder"),
    ("GET", "/admin/index"),
    ("POST", "/admin/index"),
    ("DELETE", "/admin/index"),
    ("GET", "/admin/figures"),
    ("GET", "/admin/questions"),
    ("DELETE", "/admin/questions"),
    ("PUT", "/admin/corrections/0123456789abcdef"),
    ("DELETE", "/admin/corrections/0123456789abcdef"),
    ("GET", "/admin/questions.jsonl"),
    ("GET", "/admin/corrections.jsonl"),
    ("GET", "/admin/captions.jsonl"),
    ("GET", "/admin/map"),
]
PAGE = [("GET", "/admin"), ("GET", "/admin/"), ("GET", "/admin/desk.css")]


def test_these_are_all_routes_below_admin(client):
    paths = client.get("/openapi.json").json()["paths"]
    told = {
        (method.upper(), path.replace("{version}", "0001-00000000"))
        for path, methods in paths.items()
        for method in methods
        if path.startswith("/admin")
    }
    assert {(m, p.replace("{question}", "0123456789abcdef")) for m, p in told} == set(ROUTES)


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize(
    "header",
    [
        None,
        b"",
        b"Bearer",
        b"Bearer wrong",
        b"Bearer t\xc3\xa9st-toke",
        b"Bearer test-token",
        b"Bearer t\xe9st-token",  # Latin-1, not what was set
        b"Basic t\xc3\xa9st-token",
        b"t\xc3\xa9st-token",
        b"\xff\xfe\xfd",
        b"Bearer " + b"x" * 5000,
    ],
)
def test_a_wrong_token_is_401_and_tells_nothing(client, method, path, header):
    headers = {} if header is None else {"Authorization": header}
    answer = client.request(method, path, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.json() == {"detail": "A valid bearer token is needed."}


def test_a_bad_body_without_a_token_is_401_too(client):
    assert client.post("/admin/reload", content=b"{").status_code == 401


def test_without_a_token_set_the_routes_do_not_exist(start_server, shapes_bundles):
    server = start_server(shapes_bundles, admin_token="")
    for method, path in ROUTES + PAGE:
        answer = httpx.request(method, server.url + path, headers={"Authorization": "Bearer"})
        assert answer.status_code == 404
        assert answer.json() == httpx.get(f"{server.url}/no-such-route").json()
    assert "admin" not in httpx.get(f"{server.url}/openapi.json").text


def test_the_operators_day(start_server, three_bundles, admin):
    """Reload, roll back, a bad bundle, an unknown one; chat works all along."""
    first, second, third = list_versions(three_bundles)
    server = start_server(three_bundles)
    with httpx.Client(base_url=server.url, headers=admin, timeout=120) as client:
        status = client.get("/admin/model").json()
        assert status["version"] == first
        assert status["versions"] == [first, second, third]
        assert status["images"] == 30
        assert status["dimension"] == 64

        assert client.post("/admin/reload").json() == {"version": third}
        assert client.post("/admin/rollback").json() == {"version": second}
        assert client.post("/admin/reload", json={"version": first}).json() == {"version": first}
        assert current_version(three_bundles) == first
        nothing_older = client.post("/admin/rollback")
        assert nothing_older.status_code == 409
        assert first in nothing_older.json()["detail"]

        (three_bundles / third / "store" / "pictures.sqlite").unlink()
        refused = client.post("/admin/reload")
        assert refused.status_code == 409
        assert "pictures.sqlite" in refused.json()["detail"]
        assert current_version(three_bundles) == first
        status = client.get("/admin/model").json()
        assert status["version"] == first
        assert status["refused"]["version"] == third

        manifest = three_bundles / second / "manifest.json"
        content = json.loads(manifest.read_text())
        content["dimension"] += 1
        manifest.write_text(json.dumps(content))
        refused = client.post("/admin/reload", json={"version": second})
        assert refused.status_code == 409

        for unknown in ("0009-00000000", "../../etc", "CURRENT", "\x00", "ä"):
            missing = client.post("/admin/reload", json={"version": unknown})
            assert missing.status_code == 404, unknown
        for body in (b"{", b"[]", b"\xff", b"[" * 100_000):
            assert client.post("/admin/reload", content=body).status_code == 400
        assert client.post("/admin/reload", json={"version": 7}).status_code == 422

        said = client.post("/api/messages", data={"sender": "op", "text": "a red star"})
        assert said.status_code == 200
        assert client.get("/api/about").json()["bundle"] == first


def test_a_published_bundle_is_followed_without_being_asked(start_server, three_bundles, admin):
    second = list_versions(three_bundles)[1]
    server = start_server(three_bundles)
    publish(three_bundles, second)
    with httpx.Client(base_url=server.url, headers=admin) as client:
        deadline = time.monotonic() + 60
        while client.get("/admin/model").json()["version"] != second:
            assert time.monotonic() < deadline, "the server did not follow CURRENT"
            time.sleep(0.05)


def test_a_page_of_another_site_may_not_send_the_token(client):
    answer = client.options(
        "/admin/reload",
        headers={
            "Origin": "https://elsewhere.example",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization",
        },
    )
    assert answer.status_code == 400


def test_versions_are_listed_and_removed_but_never_the_live_one(start_server, three_bundles, admin):
    first, second, third = list_versions(three_bundles)
    (three_bundles / third / "manifest.json").write_text("{")
    server = start_server(three_bundles)
    with httpx.Client(base_url=server.url, headers=admin, timeout=60) as client:
        listed = client.get("/admin/bundles").json()
        assert [one["version"] for one in listed] == [third, second, first]
        assert [one["live"] for one in listed] == [False, False, True]
        assert listed[0]["problem"]
        assert listed[2]["count"] == 30
        assert listed[2]["created"].startswith("20")
        assert listed[2]["size"] > 100_000
        refused = client.delete(f"/admin/bundles/{first}")
        assert refused.status_code == 409
        assert refused.json()["detail"].startswith(f"{first} is live. Make another version live")
        assert client.delete(f"/admin/bundles/{second}").json() == {"removed": second}
        assert list_versions(three_bundles) == [first, third]
        for unknown in (second, "..", "CURRENT", "%2e%2e%2fetc"):
            assert client.delete(f"/admin/bundles/{unknown}").status_code in (404, 405), unknown


def test_the_desk_answers_where_nothing_is_live(start_server, tmp_path, admin):
    (tmp_path / "bundles").mkdir()
    server = start_server(tmp_path / "bundles")
    with httpx.Client(base_url=server.url, headers=admin, timeout=60) as client:
        assert client.get("/admin/model").json()["version"] is None
        assert client.get("/admin/bundles").json() == []
        assert client.get("/admin/questions").json()["questions"] == []
        assert client.get("/admin/index").json()["state"] == "idle"
        assert client.get("/admin/map").status_code == 503
