"""How the server's processes log: one line each, on standard error."""

from __future__ import annotations

from typing import Any


def log_config(level: str) -> dict[str, Any]:
    """Return a configuration for `logging.config`, for uvicorn's `log_config` in each worker.

    Args:
        level: the least level that is written; libraries are only heard from WARNING on.
    """
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {"format": "%(asctime)s %(levelname)s %(process)d %(name)s: %(message)s"}
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"level": "WARNING", "handlers": ["stderr"]},
        "loggers": {name: {"level": level} for name in ("bot", "retrieval", "embedding")}
        | {
            "uvicorn": {"level": "INFO" if level == "DEBUG" else level},
            "uvicorn.access": {"level": "WARNING"},  # bot.access says it, with time and id
        },
    }
