"""Asking an MCP server which tools it has: for the person who decides which of them to allow.

This is the one place where we ourselves connect to an address that a tenant chose, by :mod:`manyclaw.outbound`. It
speaks the Streamable HTTP transport (https://modelcontextprotocol.io/specification): initialize, then tools/list.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from manyclaw import outbound
from manyclaw.errors import Refused, Unavailable

_VERSION = "2025-06-18"
_PAGES = 20

Post = Callable[[outbound.PublicUrl, bytes, Mapping[str, str]], tuple[int, Mapping[str, str], bytes]]


def list_tools(url: str, token: str = "", post: Post = outbound.post) -> list[tuple[str, str]]:
    """The server's tools as name and description, in its order: one line each, without control characters.

    Raises
    ------
    BadInput
        The address is not one of a public server.
    Refused
        The server wants another token.
    Unavailable
        It does not answer, or not as an MCP server.
    """
    session = _Session(outbound.check_url(url), token, post)
    about = {"protocolVersion": _VERSION, "capabilities": {}, "clientInfo": {"name": "manyclaw", "version": "1"}}
    session.call("initialize", about)
    session.call("notifications/initialized", None)
    found: list[tuple[str, str]] = []
    cursor: str | None = None
    for _ in range(_PAGES):
        page = session.call("tools/list", {"cursor": cursor} if cursor else {})
        tools, cursor = page.get("tools", []), page.get("nextCursor")
        if not isinstance(tools, list) or not all(isinstance(tool, dict) for tool in tools):
            raise session.strange("tools/list")
        found += [(_line(tool.get("name")), _line(tool.get("description"))) for tool in tools]
        if not cursor:
            break
    return found


def _line(text: object) -> str:
    """One line that a terminal shows and does not obey: what is not printable (escapes, marks that turn the direction
    of writing) is replaced."""
    words = " ".join(str(text or "").split())
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in words)


class _Session:
    def __init__(self, target: outbound.PublicUrl, token: str, post: Post) -> None:
        self._target = target
        self._post = post
        self._number = 0
        self._headers = {
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
            **({"Authorization": f"Bearer {token}"} if token else {}),
        }

    def call(self, method: str, params: dict[str, Any] | None) -> dict[str, Any]:
        """One request; ``params`` None makes it a notification, which is not answered."""
        message: dict[str, Any] = {"jsonrpc": "2.0", "method": method}
        if params is not None:
            self._number += 1
            message |= {"id": self._number, "params": params}
        status, headers, data = self._post(self._target, json.dumps(message).encode(), self._headers)
        if status in (401, 403):
            raise Refused(
                f"{self._target.host} refuses the token ({status}).", hint="manyclaw mcp token stores another."
            )
        if status >= 300:
            raise Unavailable(f"{self._target.host} answered {method} with {status}.")
        if "mcp-session-id" in headers:
            self._headers["Mcp-Session-Id"] = headers["mcp-session-id"]
        if params is None:
            return {}
        answer = _answer(headers.get("content-type", ""), data, self._number)
        if answer is None or not isinstance(answer.get("result"), dict):
            raise self.strange(method)
        result: dict[str, Any] = answer["result"]
        return result

    def strange(self, method: str) -> Unavailable:
        """What to raise for an answer that no MCP server gives."""
        return Unavailable(f"{self._target.host} does not answer {method} as an MCP server does.")


def _answer(kind: str, data: bytes, number: int) -> dict[str, Any] | None:
    """The message with our number, from a JSON body or from a stream of events."""
    text = data.decode("utf-8", "replace")
    bodies = [text]
    if kind.startswith("text/event-stream"):
        bodies = [line.removeprefix("data:").strip() for line in text.splitlines() if line.startswith("data:")]
    for body in bodies:
        try:
            message = json.loads(body)
        except (ValueError, RecursionError):
            continue
        if isinstance(message, dict) and message.get("id") == number:
            return message
    return None
