"""What the programs log, as text or as JSON, on standard error."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}


class LogFormat(StrEnum):
    """How a log line is written."""

    TEXT = "text"
    JSON = "json"


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, what all lines have, and what is given as `extra`."""

    def __init__(self, own: Mapping[str, object] | None = None) -> None:
        super().__init__()
        self._own = own or {}

    def format(self, record: logging.LogRecord) -> str:
        """The record as a line."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **self._own,
            **{name: value for name, value in vars(record).items() if name not in _STANDARD},
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


def log_to_stderr(format: LogFormat, level: int = logging.INFO, process: int | None = None) -> None:
    """Send the log of this program to standard error; if it is one of several processes, with its number."""
    handler = logging.StreamHandler(sys.stderr)
    who = "" if process is None else f"[{process}] "
    text = logging.Formatter(f"%(asctime)s %(levelname)-7s {who}%(message)s", "%H:%M:%S")
    own = {} if process is None else {"process": process}
    handler.setFormatter(JsonFormatter(own) if format is LogFormat.JSON else text)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for noisy in ("httpx", "httpcore", "uvicorn", "uvicorn.error", "asyncio"):
        logging.getLogger(noisy).setLevel(max(level, logging.WARNING))
