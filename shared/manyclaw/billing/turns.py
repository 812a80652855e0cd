"""What one turn has cost, from the ledger itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from manyclaw.aws import from_item, pages, to_item
from manyclaw.billing.usage import TOKEN_ATTRIBUTES
from manyclaw.tenancy import TenantScope


@dataclass(frozen=True)
class TurnUsage:
    """Settled model calls, tokens of all classes together, and USD."""

    calls: int = 0
    tokens: int = 0
    cost_usd: Decimal = Decimal(0)


def turn_usage(scope: TenantScope, turn: str, since: datetime) -> TurnUsage:
    """What ``turn`` has used so far. ``since`` (aware) is when it was claimed: one query a UTC day from then on."""
    day, today = since.astimezone(UTC).date(), datetime.now(UTC).date()
    total = TurnUsage()
    while day <= max(today, day):
        total = _with_day(scope, turn, day, total)
        if day >= today:
            break
        day += timedelta(days=1)
    return total


def _with_day(scope: TenantScope, turn: str, day: date, total: TurnUsage) -> TurnUsage:
    rows = pages(
        scope.clients.dynamodb.query,
        "Items",
        TableName=scope.table,
        KeyConditionExpression="pk = :pk AND begins_with(sk, :call)",
        ExpressionAttributeValues=to_item({":pk": scope.part(f"LEDGER#{day}", "").pk, ":call": f"CALL#{turn}#"}),
        ConsistentRead=True,
    )
    for row in map(from_item, rows):
        if row["state"] == "settled":
            tokens = sum(int(row.get(name, 0)) for name in TOKEN_ATTRIBUTES)
            cost = total.cost_usd + Decimal(row.get("cost_usd", 0))
            total = TurnUsage(total.calls + 1, total.tokens + tokens, cost)
    return total
