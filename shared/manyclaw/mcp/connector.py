"""Anthropic's MCP connector: a tenant's servers in a request, and the blocks that come back.

Anthropic connects to the servers, not we: a request names them under ``mcp_servers``, with a toolset each among
``tools`` that enables the allowed tools and no others
(https://platform.claude.com/docs/en/agents-and-tools/mcp-connector). The answer holds ``mcp_tool_use`` blocks, each
with its ``mcp_tool_result`` behind it: they are done when we get to see them.

The toolset is part of the cached prompt and made of the overlay alone, so it is the same in every turn. Tokens are not
part of the prompt, and are put in at the last moment.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from manyclaw.tenancy import Overlay

BETA = "mcp-client-2025-11-20"
"""The version of the connector that requests ask for, in the header ``anthropic-beta``."""

USE, RESULT = "mcp_tool_use", "mcp_tool_result"
_SHOWN_CHARACTERS = 4_000


@dataclass(frozen=True)
class Toolset:
    """A server of which at least one tool is allowed."""

    server: str
    url: str
    host: str
    tools: tuple[str, ...]

    def definition(self) -> dict[str, Any]:
        """Its entry among a request's ``tools``: everything is off but what is allowed."""
        return {
            "type": "mcp_toolset",
            "mcp_server_name": self.server,
            "default_config": {"enabled": False},
            "configs": {tool: {"enabled": True} for tool in self.tools},
        }


def toolsets(overlay: Overlay) -> tuple[Toolset, ...]:
    """The servers that the overlay names and allows tools of, sorted by name; a server without one is not asked."""
    found = [
        Toolset(server.name, server.url, server.host, overlay.mcp_tools(server.name))
        for server in overlay.mcp_servers
        if overlay.mcp_tools(server.name)
    ]
    return tuple(sorted(found, key=lambda each: each.server))


def connected(servers: Sequence[Toolset], token_of: Callable[[Toolset], str]) -> list[dict[str, Any]]:
    """A request's ``mcp_servers``, with the tokens of those that have one."""
    listed = []
    for each in servers:
        entry = {"type": "url", "name": each.server, "url": each.url}
        token = token_of(each)
        listed.append({**entry, "authorization_token": token} if token else entry)
    return listed


def mcp_uses(content: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The calls of MCP tools in an answer's content, each with ``server_name``, ``name`` and ``input``."""
    return [block for block in content if block["type"] == USE]


def without_servers(messages: list[dict[str, Any]], named: frozenset[str]) -> list[dict[str, Any]]:
    """``messages`` with the calls of servers that are not ``named`` told in words, always in the same ones.

    An owner may take a server out of the overlay, or a server may be left out because it fails; what was said with its
    help stays in the conversation.
    """
    calls = {block["id"]: block for message in messages for block in message["content"] if block["type"] == USE}
    return [
        {**message, "content": [_in_words(block, calls, named) for block in message["content"]]} for message in messages
    ]


def _in_words(block: dict[str, Any], calls: dict[str, dict[str, Any]], named: frozenset[str]) -> dict[str, Any]:
    use = block if block["type"] == USE else calls.get(block.get("tool_use_id", ""))
    if block["type"] not in (USE, RESULT) or (use is not None and use["server_name"] in named):
        return block
    if block["type"] == USE:
        given = json.dumps(block["input"], ensure_ascii=False, sort_keys=True)[:_SHOWN_CHARACTERS]
        return {"type": "text", "text": f"[called {block['name']} of {block['server_name']}: {given}]"}
    content = block.get("content")
    texts = [content] if isinstance(content, str) else [str(each.get("text", "")) for each in content or ()]
    return {"type": "text", "text": f"[it gave: {' '.join(texts)[:_SHOWN_CHARACTERS] or 'nothing'}]"}


def is_about_mcp(refusal: str) -> bool:
    """Whether the API refused a request because of an MCP server: it cannot be reached, or refuses the token."""
    return "mcp" in refusal.lower()
