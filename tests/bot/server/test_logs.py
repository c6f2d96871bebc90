import json
import logging
import logging.config
import subprocess
import sys

import pytest

from bot.server.logs import log_config

SCRIPT = """
import json, logging, logging.config, sys
logging.config.dictConfig(json.loads(sys.argv[1]))
for name in ("bot.access", "uvicorn.access", "uvicorn.error", "httpx"):
    logging.getLogger(name).info("said by %s", name)
logging.getLogger("httpx").warning("warned")
"""


@pytest.mark.parametrize(
    ("level", "heard", "silent"),
    [
        ("INFO", ("bot.access", "uvicorn.error", "warned"), ("uvicorn.access", "by httpx")),
        ("ERROR", ("warned",), ("bot.access", "uvicorn.error")),
    ],
)
def test_who_is_heard(level, heard, silent):
    """In a process of its own: pytest has its own ideas about logging."""
    command = [sys.executable, "-c", SCRIPT, json.dumps(log_config(level))]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    for words in heard:
        assert words in lines
    for words in silent:
        assert words not in lines


def test_a_level_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="logger"):
        logging.config.dictConfig(log_config("LOUD"))


def test_a_line_for_machines_has_the_request_and_the_traceback():
    script = """
import json, logging.config, sys
from bot.server.logs import request_id
logging.config.dictConfig(json.loads(sys.argv[1]))
request_id.set("abc-1")
try:
    1 / 0
except ZeroDivisionError:
    logging.getLogger("bot").exception("failed by %s", "näht")
"""
    command = [sys.executable, "-c", script, json.dumps(log_config("INFO", "json"))]
    (line,) = subprocess.run(
        command, capture_output=True, text=True, check=True
    ).stderr.splitlines()
    told = json.loads(line)
    assert told["request"] == "abc-1"
    assert told["message"] == "failed by näht"
    assert told["level"] == "ERROR"
    assert told["traceback"].endswith("division by zero")


def test_no_line_has_what_somebody_wrote(client, caplog):
    with caplog.at_level(logging.DEBUG, logger="bot"):
        asked = {"sender": "logs-1", "text": "a very private zebra"}
        answer = client.post("/api/messages", data=asked, headers={"X-Request-ID": "id-of-mine"})
        assert answer.status_code == 200
        client.get("/metrics")  # the line is written when the answer is out
    assert "a turn by web took" in caplog.text
    assert "id-of-mine" in caplog.text
    assert "zebra" not in caplog.text
