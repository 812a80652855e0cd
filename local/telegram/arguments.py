"""A method's arguments, however they were sent: query, form, multipart or JSON, all become texts as in Telegram."""

import json
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from local.telegram.errors import bad_request


@dataclass(frozen=True, slots=True)
class Arguments:
    """``texts`` is what methods read: a JSON value that is no string is its JSON text, so ``null`` reads "null",
    which is why ``parse_mode: null`` is refused by Telegram and here. ``raw`` is what was sent, for the log."""

    texts: dict[str, str] = field(default_factory=dict)
    raw: dict[str, Any] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """The argument, or "" when it is missing."""
        return self.texts.get(name, "")

    def integer(self, name: str, default: int = 0) -> int:
        """The argument as a number; what is none counts as ``default``, as in Telegram."""
        try:
            return int(self.texts[name])
        except (KeyError, ValueError):
            return default

    def flag(self, name: str) -> bool:
        """Telegram's idea of true: "true", "yes", "1"."""
        return self.text(name).lower() in ("true", "yes", "1")

    def json(self, name: str) -> Any:
        """The argument read as JSON, or None when it is missing. Raises `BotApiError` 400."""
        if not self.text(name):
            return None
        try:
            return json.loads(self.text(name))
        except ValueError:
            raise bad_request(f"can't parse {name.replace('_', ' ')} JSON object") from None


async def read_arguments(request: web.Request) -> Arguments:
    """Query arguments first, the body's over them."""
    raw: dict[str, Any] = dict(request.query)
    if request.method == "POST":
        if request.content_type == "application/json":
            raw |= await _json_body(request)
        elif request.body_exists:
            form = await request.post()
            raw |= {name: value for name, value in form.items() if isinstance(value, str)}
    return Arguments({name: _text(value) for name, value in raw.items()}, raw)


async def _json_body(request: web.Request) -> dict[str, Any]:
    body = await request.read()
    if not body.strip():
        return {}
    try:
        value = json.loads(body)
    except ValueError:
        raise bad_request("can't parse request JSON object") from None
    if not isinstance(value, dict):
        raise bad_request("request JSON object expected")
    return value


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
