import json
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
