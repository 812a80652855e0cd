"""What the audit log is told of the model's tool calls: one entry each, in the transaction that journals the result."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

from manyclaw.agent.journal import TurnRecord
from manyclaw.audit import digest, tool_call
from manyclaw.mcp import mcp_uses
from manyclaw.tenancy import TenantScope

_IN_ONE_TRANSACTION = 60
"""A transaction takes a hundred items, the answer's own among them; further entries are handed in by themselves."""


def called(
    scope: TenantScope, turn: str, use: dict[str, Any], block: dict[str, Any], offered: Container[str]
) -> dict[str, Any]:
    """The entry of a ``tool_use`` block and the ``tool_result`` that it got.

    A tool that was not offered is refused, and named by its hash: its name is the model's own invention.
    """
    name = str(use["name"])
    if name not in offered:
        return tool_call(scope.audit, turn, str(use["id"]), _hashed(name), "refused")
    return tool_call(scope.audit, turn, str(use["id"]), name, "failed" if block.get("is_error") else "ok")


def called_there(scope: TenantScope, turn: str, content: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Entries for the calls of MCP servers' tools in an answer: Anthropic made them, with their results behind them.

    One without a result was cut short: it may have run.
    """
    results = {block["tool_use_id"]: block for block in content if block["type"] == "mcp_tool_result"}
    items = []
    for use in mcp_uses(content):
        result = results.get(use["id"])
        outcome = "unknown" if result is None else "failed" if result.get("is_error") else "ok"
        items.append(tool_call(scope.audit, turn, str(use["id"]), use["name"], outcome, server=use["server_name"]))
    for item in items[_IN_ONE_TRANSACTION:]:
        scope.clients.dynamodb.put_item(**item["Put"])
    return items[:_IN_ONE_TRANSACTION]


def left_open(scope: TenantScope, record: TurnRecord) -> list[dict[str, Any]]:
    """Entries for the calls that a turn asked for and never settled, when it is given up: they may have run."""
    results = 0
    while results < len(record.steps) and record.steps[-1 - results].role == "result":
        results += 1
    if results == len(record.steps):
        return []
    uses = [block for block in record.steps[-1 - results].content if block["type"] == "tool_use"]
    return [
        tool_call(scope.audit, record.turn, str(use["id"]), _hashed(str(use["name"])), "unknown")
        for use in uses[results:]
    ]


def _hashed(name: str) -> str:
    return f"sha256:{digest(name)[:16]}"
