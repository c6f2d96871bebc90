"""How the server's processes log: one line each, on standard error."""

from __future__ import annotations

import json
import logging
from contextvars import ContextVar
from typing import Any

request_id: ContextVar[str] = ContextVar("id of the request", default="-")
"""Of the request that runs, for every line that is logged meanwhile."""


class AddRequest(logging.Filter):
    """Puts the request's id on each record."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let everything through."""
        record.request = request_id.get()
        return True


class JsonLine(logging.Formatter):
    """A record as one line of JSON, for machines that collect logs."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        fields = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname,
            "process": record.process,
            "logger": record.name,
            "request": getattr(record, "request", "-"),
            "message": record.getMessage(),
        }
        if record.exc_info:
            fields["traceback"] = self.formatException(record.exc_info)
        return json.dumps(fields, ensure_ascii=False)


def log_config(level: str, form: str = "line") -> dict[str, Any]:
    """Return a configuration for `logging.config`, for uvicorn's `log_config` in each worker.

    Args:
        level: the least level that is written; libraries are only heard from WARNING on.
        form: "line" for people, "json" for machines. Neither has what anybody wrote in it.
    """
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"request": {"()": "bot.server.logs.AddRequest"}},
        "formatters": {
            "line": {
                "format": "%(asctime)s %(levelname)s %(process)d %(request)s %(name)s: %(message)s"
            },
            "json": {"()": "bot.server.logs.JsonLine"},
        },
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "formatter": form,
                "filters": ["request"],
            }
        },
        "root": {"level": "WARNING", "handlers": ["stderr"]},
        "loggers": {name: {"level": level} for name in ("bot", "retrieval", "embedding")}
        | {
            "uvicorn": {"level": "INFO" if level == "DEBUG" else level},
            "uvicorn.access": {"level": "WARNING"},  # bot.access says it, with time and id
        },
    }
