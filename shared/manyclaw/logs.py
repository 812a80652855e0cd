"""Logging: one JSON object a line, and no secret in it.

Lambda's own JSON log format would need nothing of ours on AWS, but elsewhere lines would come out differently and
without redaction. Fields given as ``extra={"fields": {...}}`` become keys of the line.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import time
from typing import Any

_SECRETS = re.compile(
    r"[0-9]{6,16}:[A-Za-z0-9_-]{30,64}"  # a bot token, also within a Bot API URL
    r"|sk-ant-[A-Za-z0-9_-]{8,}"  # an Anthropic key
    r"|tk_[a-z0-9-]{1,32}_[0-9a-f]{32}"  # an API token of ours
    r"|op_[0-9a-f]{32}"  # an operator's
    r"|(?<=X-Amz-Security-Token=)[^&\s\"]+"
)


def redact(text: str) -> str:
    """``text`` with everything that looks like a secret replaced."""
    return _SECRETS.sub("[redacted]", text)


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "level": record.levelname,
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S") + f".{int(record.msecs):03d}Z",
            "message": record.getMessage(),
            "logger": record.name,
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return redact(json.dumps(line, ensure_ascii=False, default=str))


def configure_logging(level: str = "INFO") -> logging.Logger:
    """Send the product's log lines to stderr as JSON, once; gives the product's logger. Times are UTC."""
    logger = logging.getLogger("manyclaw")
    if not any(getattr(handler, "of_manyclaw", False) for handler in logger.handlers):
        handler = logging.StreamHandler(sys.stderr)
        formatter = _JsonFormatter()
        formatter.converter = time.gmtime
        handler.setFormatter(formatter)
        handler.of_manyclaw = True  # type: ignore[attr-defined]
        logger.addHandler(handler)
        logger.propagate = False
    logger.setLevel(level)
    return logger


def fields(**values: Any) -> dict[str, Any]:
    """The ``extra`` argument of a log call: ``log.info("turn", extra=fields(tenant=…))``."""
    return {"fields": values}


def metric(logger: logging.Logger, name: str, value: float = 1, **values: Any) -> None:
    """Count ``value`` in the CloudWatch metric ``manyclaw/name``, by a log line in embedded metric format.

    ``values`` stand in the line for whoever reads it. They are no dimensions: a tenant never is one, since each costs
    like a metric of its own.
    """
    definition = {"Namespace": "manyclaw", "Dimensions": [[]], "Metrics": [{"Name": name, "Unit": "Count"}]}
    embedded = {"Timestamp": time.time_ns() // 1_000_000, "CloudWatchMetrics": [definition]}
    logger.warning(name, extra=fields(_aws=embedded, **{name: value}, **values))
