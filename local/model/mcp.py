"""The MCP connector (beta mcp-client-2025-11-20): what it refuses, and servers that are no servers.

Nothing is connected to. A tool echoes its input; a host that begins with ``down.`` cannot be reached, one with
``locked.`` wants a token, and a tool named ``fails`` reports an error.
"""

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from local.model.errors import invalid

BETA = "mcp-client-2025-11-20"


@dataclass(frozen=True, slots=True)
class McpCall:
    """A tool of an MCP server that the answer has called."""

    server: str
    tool: str
    input: dict[str, Any]

    def blocks(self, call_id: str) -> list[dict[str, Any]]:
        """The call, and its result right behind it."""
        use = {"type": "mcp_tool_use", "id": call_id, "name": self.tool, "input": self.input}
        failed = self.tool == "fails"
        text = "it failed" if failed else f"{self.tool} got {json.dumps(self.input, ensure_ascii=False)}"
        result = {"type": "mcp_tool_result", "tool_use_id": call_id, "is_error": failed}
        return [{**use, "server_name": self.server}, {**result, "content": [{"type": "text", "text": text}]}]


def check_beta(request: Any, header: str) -> None:
    """``mcp_servers`` and the blocks of MCP are known only to requests with the beta's header."""
    if BETA in header or not isinstance(request, dict):
        return
    if "mcp_servers" in request or any(_is_toolset(tool) for tool in request.get("tools") or []):
        raise invalid("mcp_servers: Extra inputs are not permitted")
    if '"type": "mcp_tool_' in json.dumps(request.get("messages")):
        raise invalid("messages: Input tag 'mcp_tool_use' found using 'type' does not match any of the expected tags")


def check_servers(request: dict[str, Any]) -> None:
    """Each server is named once and by exactly one toolset, is reached by https, and answers."""
    servers = request.get("mcp_servers") or []
    toolsets = [tool for tool in request.get("tools") or [] if _is_toolset(tool)]
    names = [str(server.get("name")) for server in servers]
    named = [str(tool.get("mcp_server_name")) for tool in toolsets]
    if len(set(names)) < len(names):
        raise invalid("mcp_servers: server names must be unique")
    if sorted(names) != sorted(named):
        raise invalid("mcp_servers: each MCP server must be referenced by exactly one mcp_toolset in tools")
    for place, server in enumerate(servers):
        if server.get("type") != "url" or not str(server.get("url", "")).startswith("https://"):
            raise invalid(f"mcp_servers.{place}.url: URL must start with https://")
        host = urlsplit(server["url"]).hostname or ""
        if host.startswith("down."):
            raise invalid(f"Connection error while communicating with MCP server '{server['name']}'")
        if host.startswith("locked.") and not server.get("authorization_token"):
            raise invalid(f"Authentication error while communicating with MCP server '{server['name']}'")


def check_mcp_block(where: str, block: dict[str, Any]) -> None:
    """The fields that blocks of MCP must have."""
    if block["type"] == "mcp_tool_use" and not {"id", "name", "input", "server_name"} <= block.keys():
        raise invalid(f"{where}.mcp_tool_use: Field required")
    if block["type"] == "mcp_tool_result" and not isinstance(block.get("tool_use_id"), str):
        raise invalid(f"{where}.mcp_tool_result.tool_use_id: Field required")


def check_mcp_pairs(place: int, content: list[dict[str, Any]]) -> None:
    """Every call has its result behind it in the same message."""
    called: set[str] = set()
    for block in content:
        if block["type"] == "mcp_tool_use":
            called.add(block["id"])
        elif block["type"] == "mcp_tool_result":
            if block["tool_use_id"] not in called:
                raise invalid(f"messages.{place}: unexpected `mcp_tool_result` block: {block['tool_use_id']}")
            called.discard(block["tool_use_id"])
    if called:
        raise invalid(f"messages.{place}: `mcp_tool_use` ids were found without `mcp_tool_result` blocks: {called}")


def offered_mcp(request: dict[str, Any]) -> frozenset[tuple[str, str]]:
    """Server and tool of all that the request enables by name."""
    if (request.get("tool_choice") or {}).get("type") == "none":
        return frozenset()
    return frozenset(
        (tool["mcp_server_name"], name)
        for tool in request.get("tools") or []
        if _is_toolset(tool)
        for name, config in (tool.get("configs") or {}).items()
        if config.get("enabled", True)
    )


def without_tokens(request: Any) -> Any:
    """A request as it may be kept in the log: of the servers' tokens only the last four characters."""
    if not isinstance(request, dict) or not isinstance(request.get("mcp_servers"), list):
        return request
    servers = [
        {**server, "authorization_token": "…" + str(server["authorization_token"])[-4:]}
        if isinstance(server, dict) and server.get("authorization_token")
        else server
        for server in request["mcp_servers"]
    ]
    return {**request, "mcp_servers": servers}


def _is_toolset(tool: Any) -> bool:
    return isinstance(tool, dict) and tool.get("type") == "mcp_toolset"
