"""OpenAPI tells the truth: one form of failure, every status where it occurs, every body."""

import pytest

PROBLEM = {"$ref": "#/components/schemas/Problem"}
# rasa-sdk's own refusals, and what is not ready beside `detail`.
OTHERS = {("/webhook", "400"), ("/webhook", "404"), ("/webhook", "449"), ("/readyz", "503")}


@pytest.fixture
def spec(client):
    return client.get("/openapi.json").json()


def operations(spec):
    for path, methods in spec["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def test_every_failure_has_the_one_form(spec):
    told = set()
    for path, _, operation in operations(spec):
        for status, answer in operation["responses"].items():
            if status >= "400" and (path, status) not in OTHERS:
                assert answer["content"]["application/json"]["schema"] == PROBLEM, (path, status)
                told.add(status)
    assert told >= {"400", "401", "403", "404", "409", "413", "415", "422", "500", "503"}
    assert set(spec["components"]["schemas"]["Problem"]["properties"]) == {"detail"}
    assert "HTTPValidationError" not in spec["components"]["schemas"]


def test_what_a_path_allows_is_all_that_is_declared(client, spec):
    for path, methods in spec["paths"].items():
        refused = client.request("PATCH", path.replace("{", "").replace("}", ""))
        assert refused.status_code == 405
        allowed = {one.lower() for one in refused.headers["Allow"].split(", ")} - {"head"}
        assert allowed == set(methods), path


def test_every_post_but_the_one_without_a_body_declares_it(spec):
    without = {path for path, method, it in operations(spec) if method == "post"
               and not it.get("requestBody")}  # fmt: skip
    assert without == {"/admin/rollback"}
    sent = spec["paths"]["/webhooks/rest/webhook"]["post"]["requestBody"]["content"]
    assert set(sent["application/json"]["schema"]["properties"]) == {"sender", "message"}


@pytest.mark.parametrize(
    ("method", "path", "request_", "status"),
    [
        ("get", "/readyz", {"headers": {"Host": "bad.example"}}, 400),
        ("post", "/api/search", {"content": b"{"}, 422),
        ("post", "/api/search", {"content": b"x" * 300_000}, 413),
        ("post", "/api/messages", {"data": {"sender": "s"}}, 422),
        ("post", "/api/messages", {"data": {"sender": "s"}, "files": {"image": b"no"}}, 415),
        ("get", "/images/{image_id}", {}, 404),
        ("get", "/images/{image_id}", {"params": {"size": "1"}}, 422),
        ("post", "/webhooks/rest/webhook", {"content": b"{"}, 400),
        ("post", "/webhooks/rest/webhook", {"content": b"{}"}, 422),
        ("post", "/model/parse", {"content": b"{}"}, 422),
        ("post", "/webhook", {"content": b"{"}, 400),
        ("post", "/webhook", {"headers": {"Content-Encoding": "br"}}, 415),
        ("get", "/admin/model", {}, 401),
        ("post", "/admin/reload", {}, 401),
    ],
)
def test_a_status_that_occurs_is_declared(client, spec, method, path, request_, status):
    answer = client.request(method, path.replace("{image_id}", "x"), **request_)
    assert answer.status_code == status
    assert str(status) in spec["paths"][path][method]["responses"]
