"""The wrappers around every request, driven as plain ASGI."""

import json
import logging

import pytest
from starlette.responses import PlainTextResponse

from bot.server.middleware import LastResort, OneForm, RequestLog
from tests.bot.asgi import call, count_bytes, run


async def broken(scope, receive, send):
    raise RuntimeError("the secret of the inside")


def test_an_unforeseen_error_is_a_neutral_500_and_is_logged_with_its_id(caplog):
    counted = []
    app = RequestLog(LastResort(broken, lambda _, status: counted.append(status), "Sorry."))
    with caplog.at_level(logging.INFO):
        status, headers, content, _ = run(call(app))
    assert status == 500
    assert json.loads(content) == {"detail": "Sorry."}
    assert counted == [500]
    record = next(record for record in caplog.records if record.exc_info)
    assert headers["x-request-id"] in record.getMessage()
    assert "the secret of the inside" in caplog.text


def test_an_error_after_the_answer_began_breaks_the_connection():
    async def half(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError("too late")

    with pytest.raises(RuntimeError, match="too late"):
        run(call(LastResort(half, lambda *_: None, "Sorry.")))


@pytest.mark.parametrize(
    ("given", "kept"),
    [("abc-1.2_3", True), ("", False), ("a" * 65, False), ("a b", False), ("ä\r\nX: y", False)],
)
def test_a_request_id_is_kept_if_harmless(given, kept):
    _, headers, _, _ = run(call(RequestLog(count_bytes), headers=[("X-Request-ID", given)]))
    assert (headers["x-request-id"] == given) == kept
    assert headers["x-request-id"]
    assert headers["x-content-type-options"] == "nosniff"


def test_one_line_for_a_request_and_none_can_be_forged(caplog):
    app = RequestLog(count_bytes)
    with caplog.at_level(logging.INFO, logger="bot.access"):
        run(call(app, path="/a\nGET /forged", raw_path="/a%0AGET%20/forged", body=[b"xx"]))
    (record,) = caplog.records
    line = record.getMessage()
    assert line.startswith("127.0.0.1 POST /a%0AGET%20/forged 200 1 bytes")
    assert "\n" not in line


@pytest.mark.parametrize("path", ["/livez", "/metrics", "/socket.io/"])
def test_probes_are_logged_only_when_looking_closely(caplog, path):
    with caplog.at_level(logging.INFO, logger="bot.access"):
        run(call(RequestLog(count_bytes), path=path))
    assert not caplog.records


def test_a_plain_text_failure_gets_the_form_of_all_others():
    async def refuse(scope, receive, send):
        await PlainTextResponse("no such method", 405, {"Allow": "GET"})(scope, receive, send)

    status, headers, content, _ = run(call(OneForm(refuse)))
    assert (status, headers["allow"]) == (405, "GET")
    assert json.loads(content) == {"detail": "No such method."}
    assert headers["content-type"] == "application/json"
    assert int(headers["content-length"]) == len(content)


def test_a_failure_without_words_gets_those_of_its_status():
    async def refuse(scope, receive, send):
        await PlainTextResponse(status_code=416)(scope, receive, send)

    assert json.loads(run(call(OneForm(refuse)))[2])["detail"].endswith("Satisfiable.")


def test_a_plain_text_that_is_no_failure_stays():
    assert run(call(OneForm(count_bytes), body=[b"xx"]))[2] == b"2"
