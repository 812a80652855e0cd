"""Asking an MCP server for its tools, over a transport that plays the server."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from manyclaw.errors import BadInput, Refused, Unavailable
from manyclaw.mcp import list_tools
from manyclaw.outbound import PublicUrl


def _giving(tools: Any) -> Any:
    """A server whose tools/list answers with this."""

    def post(target: PublicUrl, body: bytes, headers: Mapping[str, str]) -> tuple[int, Mapping[str, str], bytes]:
        message = json.loads(body)
        return 200, {}, json.dumps({"id": message.get("id"), "result": {"tools": tools}}).encode()

    return post


class Server:
    """Answers initialize and two pages of tools; ``stream`` as server-sent events."""

    def __init__(self, *, stream: bool = False, status: int = 200) -> None:
        self.stream = stream
        self.status = status
        self.asked: list[tuple[dict[str, Any], Mapping[str, str]]] = []

    def __call__(
        self, target: PublicUrl, body: bytes, headers: Mapping[str, str]
    ) -> tuple[int, Mapping[str, str], bytes]:
        message = json.loads(body)
        self.asked.append((message, dict(headers)))
        if "id" not in message:
            return 202, {}, b""
        result: dict[str, Any] = {"protocolVersion": "2025-06-18"}
        if message["method"] == "tools/list":
            more = "cursor" not in message["params"]
            tool: dict[str, Any] = {
                "name": "find" if more else "book",
                "description": "Finds\n slots",
                "inputSchema": {},
            }
            result = {"tools": [tool], **({"nextCursor": "2"} if more else {})}
        answer = json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result})
        kind = "text/event-stream" if self.stream else "application/json"
        data = f"event: message\ndata: {answer}\n\n" if self.stream else answer
        return self.status, {"content-type": kind, "mcp-session-id": "s1"}, data.encode()


@pytest.mark.parametrize("stream", [False, True])
def test_all_pages_are_read_in_one_session_with_the_token(stream: bool) -> None:
    server = Server(stream=stream)
    assert list_tools("https://mcp.example.com/", "tok", server) == [("find", "Finds slots"), ("book", "Finds slots")]
    methods = [message["method"] for message, _ in server.asked]
    assert methods == ["initialize", "notifications/initialized", "tools/list", "tools/list"]
    assert all(headers["Authorization"] == "Bearer tok" for _, headers in server.asked)
    assert [headers.get("Mcp-Session-Id") for _, headers in server.asked] == [None, "s1", "s1", "s1"]


def test_what_a_server_may_answer_instead() -> None:
    with pytest.raises(Refused, match="refuses the token"):
        list_tools("https://mcp.example.com/", "", Server(status=401))
    with pytest.raises(Unavailable, match="500"):
        list_tools("https://mcp.example.com/", "", Server(status=500))
    with pytest.raises(Unavailable, match="as an MCP server does"):
        list_tools("https://mcp.example.com/", "", lambda *_: (200, {}, b"<html>"))
    with pytest.raises(BadInput):
        list_tools("https://10.0.0.1/", "", Server())


@pytest.mark.parametrize("tools", [None, 3, "find", {"name": "find"}, ["find"], [None], [[]]])
def test_tools_of_another_shape_are_no_traceback(tools: Any) -> None:
    with pytest.raises(Unavailable, match="as an MCP server does"):
        list_tools("https://mcp.example.com/", "", _giving(tools))


def test_what_a_stranger_says_can_steer_no_terminal() -> None:
    tools = [{"name": "a\x1b[2Jb\r\nc", "description": "x\x9b31m\u202ey\x07\x00\tz"}, {"name": ["x\x1b"]}, {}]
    found = list_tools("https://mcp.example.com/", "", _giving(tools))
    assert [name for name, _ in found] == ["a\ufffd[2Jb c", "['x\\x1b']", ""]
    assert all(text.isprintable() for pair in found for text in pair)
