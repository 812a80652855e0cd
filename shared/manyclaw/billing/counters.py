"""Counters: sums over the ledger, added to in the transaction that settles a row, so they equal its sum always.

All lie in ``{tenant}#USAGE``; days are UTC and are those on which the calls began:

===============================  ================================================================================
``DAY#{day}#{model}#{source}``   one model's use from one source (chat, a schedule, …): for reports and the CSV
``USER#{day}#{user}``            one end user's use, and what that user's calls have reserved
``TOTAL#{day}``                  the tenant's use, and what its calls have reserved (``manyclaw.billing.reservations``)
===============================  ================================================================================

A report of a month reads some dozens of these items and never a ledger row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, fields
from datetime import date
from decimal import Decimal
from typing import Any, Literal, get_args

from manyclaw.aws import from_item, pages, to_item
from manyclaw.billing.usage import TOKEN_ATTRIBUTES, Tokens
from manyclaw.errors import BadInput
from manyclaw.tenancy import Key, TenantScope

CURRENCY = "USD"

type GroupBy = Literal["day", "model", "user", "source"]


@dataclass(frozen=True)
class Usage:
    """Settled model calls: how many, the tools that they called, their tokens by class, and their cost in USD."""

    requests: int = 0
    tool_calls: int = 0
    tokens: Tokens = field(default_factory=Tokens)
    cost_usd: Decimal = Decimal(0)

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.requests + other.requests,
            self.tool_calls + other.tool_calls,
            self.tokens + other.tokens,
            self.cost_usd + other.cost_usd,
        )

    def as_attributes(self) -> dict[str, int | Decimal]:
        """As the numbers of a counter item."""
        return {
            "requests": self.requests,
            **self.tokens.as_attributes(),
            "tool_calls": self.tool_calls,
            "cost_usd": self.cost_usd,
        }

    @classmethod
    def of(cls, item: dict[str, Any]) -> Usage:
        """From a counter item, or a ledger row; what is missing is zero."""
        return cls(
            requests=int(item.get("requests", 0)),
            tool_calls=int(item.get("tool_calls", 0)),
            tokens=tokens_of(item),
            cost_usd=Decimal(item.get("cost_usd", 0)),
        )


@dataclass(frozen=True)
class DayUsage(Usage):
    """One tenant's use of one model on one UTC day."""

    day: date = date.min
    model: str = ""


@dataclass(frozen=True)
class SourceUsage(DayUsage):
    """One tenant's use of one model from one source on one UTC day: a counter as it is kept."""

    source: str = ""


@dataclass(frozen=True)
class UsageGroup:
    """The use of one day (ISO), model, user or source: ``name`` is which."""

    name: str
    usage: Usage


@dataclass(frozen=True)
class UsageReport:
    """A tenant's use from ``first`` to ``last`` (both included, UTC), in groups, and in all."""

    first: date
    last: date
    group_by: str
    total: Usage
    groups: list[UsageGroup]
    currency: str = CURRENCY


def tokens_of(item: dict[str, Any]) -> Tokens:
    """The five token classes of a table item; what is missing is zero."""
    return Tokens(**{name.removesuffix("_tokens"): int(item.get(name, 0)) for name in TOKEN_ATTRIBUTES})


def source_key(scope: TenantScope, day: date, model: str, source: str) -> Key:
    return scope.part("USAGE", f"DAY#{day}#{model}#{source}")


def user_key(scope: TenantScope, day: date, user: str) -> Key:
    return scope.part("USAGE", f"USER#{day}#{user}")


def total_key(scope: TenantScope, day: date) -> Key:
    return scope.part("USAGE", f"TOTAL#{day}")


def usage_by_source(scope: TenantScope, first: date, last: date) -> list[SourceUsage]:
    """The counters from ``first`` to ``last``, both included, by day, model and source."""
    return [
        SourceUsage(
            **_numbers(item),
            day=date.fromisoformat(item["day"]),
            model=item["model"],
            source=item.get("source", "chat"),
        )
        for item in _between(scope, "DAY", first, last)
    ]


def usage_by_day(scope: TenantScope, first: date, last: date) -> list[DayUsage]:
    """The use from ``first`` to ``last``, both included, by day and model."""
    sums: dict[tuple[date, str], Usage] = {}
    for each in usage_by_source(scope, first, last):
        name = (each.day, each.model)
        sums[name] = sums.get(name, Usage()) + each
    return [
        DayUsage(each.requests, each.tool_calls, each.tokens, each.cost_usd, day, model)
        for (day, model), each in sorted(sums.items())
    ]


def usage_report(scope: TenantScope, first: date, last: date, group_by: GroupBy = "day") -> UsageReport:
    """A tenant's use in groups, largest first for models, users and sources, in order for days.

    Read from counters in one Query (a further one for each MB of them, about 3,000): by day there is one for each day,
    by model or source one for each day, model and source, by user one for each day and user.

    Parameters
    ----------
    group_by
        ``day``, ``model``, ``user`` (the Telegram id of who wrote) or ``source`` (``chat``, …).

    Raises
    ------
    BadInput
        ``first`` is after ``last``, or there is no such grouping.
    """
    if first > last:
        raise BadInput(f"The period begins on {first}, after its end on {last}.", hint="Give the earlier day first.")
    named: Iterable[tuple[str, Usage]]
    if group_by == "day":
        named = ((str(day), usage) for day, usage in usage_totals(scope, first, last).items())
    elif group_by == "user":
        named = ((_name(item)[1], Usage.of(item)) for item in _between(scope, "USER", first, last))
    elif group_by in get_args(GroupBy.__value__):
        named = ((str(getattr(each, group_by)), each) for each in usage_by_source(scope, first, last))
    else:
        raise BadInput(f"Usage cannot be grouped by {group_by!r}.", hint="Use day, model, user or source.")
    sums: dict[str, Usage] = {}
    for name, usage in named:
        sums[name] = sums.get(name, Usage()) + usage
    order: Callable[[UsageGroup], Any] = (
        (lambda group: group.name) if group_by == "day" else lambda group: (-group.usage.cost_usd, group.name)
    )
    groups = sorted((UsageGroup(name, usage) for name, usage in sums.items() if usage.requests), key=order)
    return UsageReport(first, last, group_by, sum((group.usage for group in groups), Usage()), groups)


def usage_totals(scope: TenantScope, first: date, last: date) -> dict[date, Usage]:
    """The tenant's use of each day that had any, from its ``TOTAL#`` counters."""
    found = {date.fromisoformat(_name(item)[0]): Usage.of(item) for item in _between(scope, "TOTAL", first, last)}
    return {day: usage for day, usage in found.items() if usage.requests}


def add_to(
    scope: TenantScope, key: Key, usage: Usage, names: dict[str, str] | None = None, **more: int | Decimal
) -> dict[str, Any]:
    """The ``Update`` that adds ``usage`` (and ``more`` numbers) to the counter at ``key``.

    ``names`` are the texts that say which counter it is, written beside the numbers.
    """
    names = names or {}
    added = {**usage.as_attributes(), **more}
    sets = f" SET {', '.join(f'#{name} = :{name}' for name in names)}" if names else ""
    return {
        "TableName": scope.table,
        "Key": key.wire(),
        "UpdateExpression": "ADD " + ", ".join(f"#{name} :{name}" for name in added) + sets,
        "ExpressionAttributeNames": {f"#{name}": name for name in (*added, *names)},
        "ExpressionAttributeValues": to_item({f":{name}": value for name, value in {**added, **names}.items()}),
    }


def _between(scope: TenantScope, kind: str, first: date, last: date) -> list[dict[str, Any]]:
    rows = pages(
        scope.clients.dynamodb.query,
        "Items",
        TableName=scope.table,
        KeyConditionExpression="pk = :pk AND sk BETWEEN :first AND :last",
        ExpressionAttributeValues=to_item(
            {":pk": scope.part("USAGE", "").pk, ":first": f"{kind}#{first}", ":last": f"{kind}#{last}#~"}
        ),
        ConsistentRead=True,
    )
    return [from_item(row) for row in rows]


def _name(item: dict[str, Any]) -> tuple[str, str]:
    """The day, and what follows it, in a counter's sort key."""
    _, day, *rest = str(item["sk"]).split("#", 2)
    return day, rest[0] if rest else ""


def _numbers(item: dict[str, Any]) -> dict[str, Any]:
    usage = Usage.of(item)
    return {each.name: getattr(usage, each.name) for each in fields(Usage)}
