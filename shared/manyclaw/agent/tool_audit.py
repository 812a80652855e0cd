"""What the audit log is told of the model's tool calls: one entry each, in the transaction that journals the result."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

from manyclaw.agent.journal import TurnRecord
from manyclaw.audit import digest, tool_call
from manyclaw.tenancy import TenantScope


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
