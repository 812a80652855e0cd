"""Which logs are to be sealed: those whose inboxes a stream's records name, or at night all."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from manyclaw.audit.entries import OPERATOR
from manyclaw.audit.sealing import seal
from manyclaw.audit.sealing_scope import SealingScopes
from manyclaw.audit.shipping import ship
from manyclaw.aws import Clients, pages, to_item
from manyclaw.settings import Settings


def owners_in(event: dict[str, Any]) -> list[str]:
    """The logs that a DynamoDB stream's event is about, each once."""
    keys = (record["dynamodb"]["Keys"]["pk"]["S"] for record in event.get("Records", []))
    return sorted({pk.removesuffix("#INBOX") for pk in keys if pk.endswith("#INBOX")})


def every_owner(settings: Settings, clients: Clients) -> list[str]:
    """All tenants that there are or were, and the operator."""
    found = {OPERATOR}
    for prefix in ("TENANT#", "BILLING#"):
        rows = pages(
            clients.dynamodb.query,
            "Items",
            TableName=settings.table,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :prefix)",
            ExpressionAttributeValues=to_item({":pk": "GATEWAY", ":prefix": prefix}),
            ProjectionExpression="sk",
        )
        found |= {row["sk"]["S"].removeprefix(prefix) for row in rows}
    return sorted(found)


def seal_and_ship(scopes: SealingScopes, bucket: str, owners: Iterable[str]) -> tuple[int, dict[str, str]]:
    """Seal and ship these logs; gives how many entries they hold now, and what went wrong with which.

    One log that cannot be sealed stops no other's.
    """
    total, failed = 0, {}
    for owner in owners:
        try:
            log = scopes.open(owner)
            total += ship(log, bucket, seal(log)).seq
        except Exception as error:  # told for every log, whatever it is
            failed[owner] = f"{type(error).__name__}: {error}"
    return total, failed
