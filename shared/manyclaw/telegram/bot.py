"""A small session for the Bot API: one method call in, Telegram's result or a typed error out.

Facts are the Bot API's (https://core.telegram.org/bots/api): errors come as ``{"ok": false, "error_code",
"description", "parameters": {"retry_after", "migrate_to_chat_id"}}``. The token is part of the URL, so no URL is ever
logged or put into an error here.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import urllib3

from manyclaw.errors import BadInput, PermanentError, RetryableError

TOKEN_PATTERN = re.compile(r"[0-9]{6,16}:[A-Za-z0-9_-]{30,64}")


@cache
def _pool() -> urllib3.PoolManager:
    return urllib3.PoolManager(num_pools=32, maxsize=8, retries=False)


class TelegramUnavailable(RetryableError):
    """429, 5xx, or no answer. ``unknown`` says that the call may have been carried out nevertheless."""

    def __init__(self, message: str, *, retry_after: float | None = None, unknown: bool = False) -> None:
        super().__init__(message, retry_after=retry_after)
        self.unknown = unknown


class TelegramRefused(PermanentError):
    """Telegram will never take this call: 400, 401, 403, 404, 409."""

    def __init__(self, code: int, description: str, migrate_to_chat_id: int | None = None) -> None:
        super().__init__(f"Telegram refused: {code} {description}")
        self.code = code
        self.description = description
        self.migrate_to_chat_id = migrate_to_chat_id


@dataclass(frozen=True)
class Bot:
    """One bot of one Bot API server. ``api_url`` has no trailing slash; ``token`` never shows in a repr."""

    api_url: str
    token: str = field(repr=False)

    def __post_init__(self) -> None:
        if not TOKEN_PATTERN.fullmatch(self.token):
            raise BadInput(
                "That is not a bot token.", hint="A token looks like 1234567890:AA…; @BotFather shows it after /newbot."
            )

    def call(self, method: str, params: dict[str, Any] | None = None, *, timeout: float = 10.0) -> Any:
        """Call ``method`` and give its ``result``. Parameters that are None are left out. ``timeout`` in seconds.

        Raises
        ------
        TelegramUnavailable
            Worth another try, after ``retry_after`` seconds if Telegram named a time.
        TelegramRefused
            Not worth another try.
        """
        body = json.dumps({name: value for name, value in (params or {}).items() if value is not None})
        try:
            response = _pool().request(
                "POST",
                f"{self.api_url}/bot{self.token}/{method}",
                body=body.encode(),
                headers={"Content-Type": "application/json"},
                timeout=urllib3.Timeout(connect=min(timeout, 5.0), read=timeout),
            )
        except (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError) as error:
            raise TelegramUnavailable(f"Telegram cannot be reached ({type(error).__name__}).") from None
        except urllib3.exceptions.HTTPError as error:
            raise TelegramUnavailable(
                f"Telegram did not answer {method} ({type(error).__name__}).", unknown=True
            ) from None
        return _result(method, response.status, response.data)


def _result(method: str, status: int, data: bytes) -> Any:
    try:
        answer = json.loads(data)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise TelegramUnavailable(f"Telegram answered {method} with status {status} and no JSON.")
    if answer.get("ok") is True:
        return answer.get("result")
    code = int(answer.get("error_code") or status)
    description = str(answer.get("description") or "")[:300]
    parameters = answer.get("parameters") or {}
    if code == 429 or code >= 500:
        raise TelegramUnavailable(
            f"Telegram answered {method} with {code} {description}", retry_after=parameters.get("retry_after")
        )
    raise TelegramRefused(code, description, parameters.get("migrate_to_chat_id"))
