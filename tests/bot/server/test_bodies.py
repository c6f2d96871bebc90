"""Bounds on bodies, driven as plain ASGI; how slow they may be is in test_protocol."""

import json

import pytest
from starlette.middleware.exceptions import ExceptionMiddleware

from bot.server.bodies import BodyLimit
from tests.bot.asgi import call, count_bytes, run


def limited():
    return BodyLimit(ExceptionMiddleware(count_bytes), default=10, limits={"/large": 100})


def endless():
    while True:
        yield b"x" * 4


@pytest.mark.parametrize(
    ("path", "size", "status"),
    [("/x", 10, 200), ("/x", 11, 413), ("/large", 100, 200), ("/large", 101, 413)],
)
@pytest.mark.parametrize("declared", [True, False])
def test_the_limit_holds_for_declared_and_for_chunked_bodies(path, size, status, declared):
    headers = [("Content-Length", str(size))] if declared else []
    body = [b"x" * 5] * (size // 5) + [b"x" * (size % 5)]
    answer = run(call(limited(), body=body, headers=headers, path=path))
    assert answer[0] == status
    assert status == 200 or answer[1]["connection"] == "close"


def test_an_endless_body_is_read_to_a_bound_only():
    status, _, _, taken = run(call(limited(), body=endless()))
    assert status == 413
    assert taken <= 10


def test_a_body_declared_far_too_large_is_not_read_at_all():
    answer = run(call(limited(), body=endless(), headers=[("Content-Length", "1000000")]))
    status, _, content, taken = answer
    assert (status, taken) == (413, 0)
    assert json.loads(content)["detail"].endswith(".")


def test_a_lie_about_the_length_does_not_help():
    answer = run(call(limited(), body=[b"x" * 50], headers=[("Content-Length", "5")]))
    assert answer[0] == 413


@pytest.mark.parametrize("length", ["-1", "ten", "1e3", "²"])
def test_a_strange_length_is_counted_instead(length):
    headers = [("Content-Length", length)]
    assert run(call(limited(), body=[b"x" * 5], headers=headers))[0] == 200
    assert run(call(limited(), body=[b"x" * 50], headers=headers))[0] == 413
