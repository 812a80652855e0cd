"""Who has been told of a limit: kept in the counter itself, so it is forgotten when the window ends."""

from __future__ import annotations

from typing import Any

from manyclaw.aws import to_item
from manyclaw.billing.counters import total_key
from manyclaw.billing.reservations import Gate, OverLimit
from manyclaw.tenancy import TenantScope, held


def tell_once(scope: TenantScope, over: OverLimit, whom: str) -> dict[str, Any]:
    """The transaction item that marks ``whom`` as told of ``over``; its condition holds for the first only."""
    update: dict[str, Any] = {
        "TableName": scope.table,
        "Key": over.window.wire(),
        "UpdateExpression": "ADD told :set",
        "ConditionExpression": "NOT contains(told, :whom)",
        "ExpressionAttributeValues": to_item({":set": {whom}, ":whom": whom}),
    }
    if over.quota.endswith("_per_minute"):
        update["UpdateExpression"] += " SET expires_at = if_not_exists(expires_at, :expires)"
        update["ExpressionAttributeValues"] |= to_item({":expires": int(over.resets_at.timestamp()) + 300})
    return {"Update": update}


def claim_warning(scope: TenantScope, gate: Gate, percent: int) -> bool:
    """True for exactly one caller a day and ``percent``: the one that tells the owners."""
    return held(
        scope.clients.dynamodb.update_item,
        TableName=scope.table,
        Key=total_key(scope, gate.day).wire(),
        UpdateExpression="SET warned = :percent",
        ConditionExpression="attribute_not_exists(warned) OR warned < :percent",
        ExpressionAttributeValues=to_item({":percent": percent}),
    )
