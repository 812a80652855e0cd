"""The ledger: one row a model call, and day counters that are always the sum of the rows.

A row is written ``begun`` before the call goes out and ``settled`` in the same transaction that adds to the day's
counters and journals the answer. A call that the API definitely turned down becomes ``refused`` and cost
nothing. One that began and never settled stays ``begun``, for everyone to see: the model may have served it or not,
and only Anthropic's bill can tell.

Rows lie in ``{tenant}#LEDGER#{day}``, counters in ``{tenant}#USAGE`` (``manyclaw.billing.counters``); days are UTC and
are the day on which the call began.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from manyclaw.aws import TransactionRefused, from_item, pages, to_item, transact
from manyclaw.billing.counters import Usage, add_to, source_key, tokens_of, total_key, user_key
from manyclaw.billing.usage import Tokens
from manyclaw.billing.windows import Hold
from manyclaw.tenancy import Key, Rates, TenantScope


@dataclass(frozen=True)
class Call:
    """A model call that is about to be made.

    ``number`` counts within the turn, from 1, over all its attempts; ``hold`` is what the call has reserved, if the
    tenant has daily limits.
    """

    turn: str
    number: int
    model: str
    user: str
    source: str
    began_at: datetime
    hold: Hold | None = None

    @property
    def day(self) -> date:
        return self.began_at.astimezone(UTC).date()

    def key(self, scope: TenantScope) -> Key:
        return scope.part(f"LEDGER#{self.day}", f"CALL#{self.turn}#{self.number:03d}")


@dataclass(frozen=True)
class Settlement:
    """What a finished call used and cost. ``cost`` in USD; ``request_id`` is Anthropic's."""

    tokens: Tokens
    rates: Rates
    request_id: str
    stop_reason: str
    tool_calls: int

    @property
    def cost(self) -> Decimal:
        return self.tokens.cost(self.rates)

    @property
    def usage(self) -> Usage:
        return Usage(1, self.tool_calls, self.tokens, self.cost)


def begin(scope: TenantScope, call: Call) -> dict[str, Any]:
    """The transaction item that writes the row before the call is made."""
    row = {
        "pk": call.key(scope).pk,
        "sk": call.key(scope).sk,
        "state": "begun",
        "turn": call.turn,
        "number": call.number,
        "model": call.model,
        "user": call.user,
        "source": call.source,
        "began_at": call.began_at.isoformat(timespec="milliseconds"),
    }
    return {"Put": {"TableName": scope.table, "Item": to_item(row), "ConditionExpression": "attribute_not_exists(pk)"}}


def settle(scope: TenantScope, call: Call, done: Settlement, now: datetime) -> list[dict[str, Any]]:
    """The transaction items that settle the row and add to the day's counters.

    They belong into one transaction with what proves the call's answer, and the row's condition lets them happen once.
    """
    values = {
        "state": "settled",
        "settled_at": now.isoformat(timespec="milliseconds"),
        **done.tokens.as_attributes(),
        "tool_calls": done.tool_calls,
        "request_id": done.request_id,
        "stop_reason": done.stop_reason,
        "rates_version": done.rates.version,
        "cost_usd": done.cost,
    }
    return [
        {
            "Update": {
                "TableName": scope.table,
                "Key": call.key(scope).wire(),
                "UpdateExpression": "SET " + ", ".join(f"#{name} = :{name}" for name in values),
                "ConditionExpression": "#state = :begun",
                "ExpressionAttributeNames": {f"#{name}": name for name in values},
                "ExpressionAttributeValues": to_item({**{f":{k}": v for k, v in values.items()}, ":begun": "begun"}),
            }
        },
        *_count(scope, call, done),
    ]


def _count(scope: TenantScope, call: Call, done: Settlement) -> list[dict[str, Any]]:
    """The counters' share of a settlement."""
    usage = done.usage
    names = {"day": str(call.day), "model": call.model, "source": call.source}
    return [
        {"Update": add_to(scope, source_key(scope, call.day, call.model, call.source), usage, names)},
        {"Update": _spend(scope, user_key(scope, call.day, call.user), usage, call.hold)},
        {"Update": _spend(scope, total_key(scope, call.day), usage, call.hold)},
    ]


def _spend(scope: TenantScope, key: Key, usage: Usage, hold: Hold | None) -> dict[str, Any]:
    """Add ``usage`` to a counter that limits are held against; it takes the place of what was reserved for it."""
    tokens, usd = usage.tokens.total, usage.cost_usd
    if hold is None:
        return add_to(scope, key, usage, taken_tokens=tokens, taken_usd=usd)
    update = add_to(scope, key, usage, taken_tokens=tokens - hold.tokens, taken_usd=usd - hold.usd)
    update["UpdateExpression"] += " REMOVE #hold"
    update["ConditionExpression"] = "#hold.#n = :n"
    update["ExpressionAttributeNames"] |= {"#hold": hold.attribute, "#n": "n"}
    update["ExpressionAttributeValues"] |= to_item({":n": hold.number})
    return update


def refuse(scope: TenantScope, call: Call, reason: str) -> None:
    """The API definitely turned the call down before serving it: it cost nothing, and the row says why."""
    row = {
        "TableName": scope.table,
        "Key": call.key(scope).wire(),
        "UpdateExpression": "SET #state = :refused, reason = :reason",
        "ConditionExpression": "#state = :begun",
        "ExpressionAttributeNames": {"#state": "state"},
        "ExpressionAttributeValues": to_item({":refused": "refused", ":begun": "begun", ":reason": reason[:300]}),
    }
    items = [{"Update": row}]
    if call.hold:
        held_in = (user_key(scope, call.day, call.user), total_key(scope, call.day))
        items += [{"Update": _spend(scope, key, Usage(), call.hold)} for key in held_in]
    try:
        transact(scope.clients.dynamodb, items)
    except TransactionRefused as refused:
        if 0 not in refused.failed:  # the reservation expired and was released by another
            with suppress(TransactionRefused):
                transact(scope.clients.dynamodb, items[:1])


@dataclass(frozen=True)
class LedgerRow:
    """One model call as the ledger holds it; ``cost_usd`` is zero until it is settled."""

    turn: str
    number: int
    state: str
    model: str
    user: str
    source: str
    began_at: str
    tokens: Tokens
    tool_calls: int
    request_id: str
    cost_usd: Decimal


def ledger_rows(scope: TenantScope, first: date, last: date) -> Iterator[LedgerRow]:
    """The rows of the days from ``first`` to ``last``, both included, in no promised order within a day."""
    day = first
    while day <= last:
        rows = pages(
            scope.clients.dynamodb.query,
            "Items",
            TableName=scope.table,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :call)",
            ExpressionAttributeValues=to_item({":pk": scope.part(f"LEDGER#{day}", "").pk, ":call": "CALL#"}),
            ConsistentRead=True,
        )
        for row in map(from_item, rows):
            yield LedgerRow(
                turn=row["turn"],
                number=int(row["number"]),
                state=row["state"],
                model=row["model"],
                user=row["user"],
                source=row["source"],
                began_at=row["began_at"],
                tokens=tokens_of(row),
                tool_calls=int(row.get("tool_calls", 0)),
                request_id=row.get("request_id", ""),
                cost_usd=Decimal(row.get("cost_usd", 0)),
            )
        day += timedelta(days=1)
