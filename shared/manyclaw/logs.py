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
from collections.abc import Callable
from functools import wraps
from typing import Any

from manyclaw.errors import ManyclawError

_SECRETS = re.compile(
    r"[0-9]{6,16}:[A-Za-z0-9_-]{30,64}"  # a bot token, also within a Bot API URL
    r"|sk-ant-[A-Za-z0-9_-]{8,}"  # an Anthropic key
    r"|tk_[a-z0-9-]{1,32}_[0-9a-f]{32}"  # an API token of ours
    r"|op_[0-9a-f]{32}"  # an operator's
    r"|(?:AKIA|ASIA)[A-Z0-9]{16}\b"  # the id of an AWS key
    r"|(?<=Signature=)[0-9a-f]{64}"
)

_NAMED = re.compile(
    r"""(?i)(
        authorization | x-api-key | x-telegram-bot-api-secret-token | x-amz-security-token | x-amz-signature
      | x-amz-credential | authorization_token | secret_token | secret_?access_?key | session_?token | api_key
      | password | set-cookie | cookie | init_data | tgwebappdata
    )(
        \\*["']? \s* [:=,] \s* (?:b(?=["']))? \\*["']? (?:bearer\ |basic\ )?  # as a header, in a query, JSON, a dict
    )([^\s"'\\&,;)}\]]{4,})""",
    re.VERBOSE,
)
"""Values that have no look of their own, by the names before them."""


def redact(text: str) -> str:
    """``text`` with everything that looks like a secret, or is named like one, replaced."""
    return _NAMED.sub(r"\1\2[redacted]", _SECRETS.sub("[redacted]", text))


class _Redacting(logging.Filter):
    """For handlers that are not ours: what a library logs, such as urllib3 with a URL in it, passes through here."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = redact(record.getMessage()), None
        if record.exc_info and not record.exc_text:
            record.exc_text = redact(logging.Formatter().formatException(record.exc_info))
        return True


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
        _redact_what_others_log()
    logger.setLevel(level)
    return logger


def _redact_what_others_log() -> None:
    """Lambda puts a handler on the root logger before our code is loaded; elsewhere Python's last resort is used."""
    for handler in (*logging.getLogger().handlers, logging.lastResort):
        if handler is not None and not any(isinstance(each, _Redacting) for each in handler.filters):
            handler.addFilter(_Redacting())


class UnexpectedError(Exception):
    """An error that nobody foresaw, by the name of its type alone; the log has the rest, redacted."""


def guarded[E, C, A](handler: Callable[[E, C], A]) -> Callable[[E, C], A]:
    """A Lambda handler whose unforeseen errors are logged by us.

    Lambda's runtime writes an error that leaves the handler into the log as it is, and gives it to the invoker. The
    product's own errors hold no secret; any other might (a URL, a header), so only its type's name leaves.
    """

    @wraps(handler)
    def run(event: E, context: C) -> A:
        try:
            return handler(event, context)
        except ManyclawError:
            raise
        except Exception as error:
            logging.getLogger("manyclaw").error("unexpected", exc_info=error)
            raise UnexpectedError(type(error).__name__) from None

    return run


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
