"""Which chats a job goes to: those that are named, those that subscribed, or all in which something is going on.

``SUB#{job}#{conversation}`` in the tenant's own partition says that a chat wants the job, or (``wants`` false) that it
does not.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from manyclaw.audit import entry
from manyclaw.aws import TransactionRefused, from_item, get_rows, pages, to_item, transact
from manyclaw.schedules.model import Job
from manyclaw.tenancy import TenantScope, utc_now

ACTIVE_DAYS = 7
OWN = "~"
"""Parts a chat from a job in the name of a conversation that is the job's own."""

_A_BATCH = 100


def subscribe(scope: TenantScope, job: str, conversation: str, *, wants: bool) -> None:
    """Remember whether a chat wants a job; the same wish again writes nothing."""
    row = {**scope.key(f"SUB#{job}#{conversation}").__dict__, "wants": wants, "at": utc_now()}
    told = entry(scope.audit, "schedule.subscribe", on=f"job:{job}", chat=conversation, wants=wants)
    put = {
        "TableName": scope.table,
        "Item": to_item(row),
        "ConditionExpression": "attribute_not_exists(sk) OR wants <> :wants",
        "ExpressionAttributeValues": to_item({":wants": wants}),
    }
    with suppress(TransactionRefused):
        transact(scope.clients.dynamodb, [{"Put": put}, told])


def chats_of(scope: TenantScope, job: Job) -> tuple[str, ...]:
    """The conversations that a run of ``job`` is for now, in order."""
    if not isinstance(job.spec.chats, str):
        return job.spec.chats
    wishes = {
        row["sk"].removeprefix(f"SUB#{job.job}#"): bool(row["wants"])
        for row in _rows(scope, f"SUB#{job.job}#", "sk, wants")
    }
    wanted = {conversation for conversation, wants in wishes.items() if wants}
    if job.spec.chats == "active":
        unwanted = wishes.keys() - wanted
        wanted |= _active(scope) - unwanted
    return tuple(sorted(wanted))


def known_chats(scope: TenantScope) -> list[str]:
    """The chats, and topics of chats, that have written to the tenant's bot."""
    known = [row["conversation"] for row in _rows(scope, "CHAT#", "conversation")]
    return [each for each in known if OWN not in each]


def _active(scope: TenantScope) -> set[str]:
    """Conversations in which something was said within the last :data:`ACTIVE_DAYS` days."""
    chats = known_chats(scope)
    since = (datetime.now(UTC) - timedelta(days=ACTIVE_DAYS)).isoformat()
    active: set[str] = set()
    for start in range(0, len(chats), _A_BATCH):
        keys = [scope.part(f"CHAT#{each}", "MSG#HEAD").wire() for each in chats[start:][:_A_BATCH]]
        heads = get_rows(scope.clients.dynamodb, scope.table, keys, "pk, updated_at")
        active |= {row["pk"].partition("#CHAT#")[2] for row in heads if str(row.get("updated_at", "")) >= since}
    return active


def _rows(scope: TenantScope, prefix: str, attributes: str) -> list[dict[str, Any]]:
    rows = pages(
        scope.clients.dynamodb.query,
        "Items",
        TableName=scope.table,
        KeyConditionExpression="pk = :pk AND begins_with(sk, :prefix)",
        ExpressionAttributeValues=to_item({":pk": scope.key("").pk, ":prefix": prefix}),
        ProjectionExpression=attributes,
        ConsistentRead=True,
    )
    return [from_item(row) for row in rows]
