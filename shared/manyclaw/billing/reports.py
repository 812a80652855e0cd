"""Reports over all tenants: the nightly CSV, the same on demand, and the month's roll-up for invoices.

A call belongs to the day on which it began. A process lives 15 minutes at most (the agent's timeout), so until shortly
after midnight a call of the day before can still settle: :func:`closes_at` says from when on a day can no longer
change. Only closed days are written to the bucket, and the same day always gives the same bytes.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from manyclaw.billing.counters import CURRENCY, Usage, usage_by_day
from manyclaw.billing.tenants import Markups
from manyclaw.billing.usage import TOKEN_ATTRIBUTES
from manyclaw.billing.windows import next_day
from manyclaw.errors import Unavailable
from manyclaw.tenancy import StoredText, TenantScope, read_text

LONGEST_CALL = timedelta(minutes=15)
"""The agent's timeout in template.yaml: no call settles later than this after it began."""

_CLOCKS_DIFFER = timedelta(minutes=2)
_AT_ONCE = 8

COLUMNS = ("date", "tenant", "model", "requests", "tool_calls", *TOKEN_ATTRIBUTES, "cost_usd", "currency")
"""Of the nightly CSV. New columns may come after these; these stay, in this order."""

ROLLUP_COLUMNS = ("month", *COLUMNS[1:-1], "charge_usd", "currency")
"""Of the month's roll-up: ``charge_usd`` is the cost with the tenant's markup."""


@dataclass(frozen=True)
class ReportRow:
    """One tenant's use of one model in one ``period``, a day or a month as ISO 8601 writes it."""

    period: str
    tenant: str
    model: str
    usage: Usage
    charge_usd: Decimal | None = None


def closes_at(day: date) -> datetime:
    """From when on nothing of ``day`` can change any more (UTC)."""
    return next_day(day) + LONGEST_CALL + _CLOCKS_DIFFER


def report(scopes: Iterable[TenantScope], first: date, last: date) -> list[ReportRow]:
    """One row a day, tenant and model that was used, in that order, from counters; both days included."""

    def of(scope: TenantScope) -> list[ReportRow]:
        days = usage_by_day(scope, first, last)
        return [ReportRow(str(each.day), scope.tenant, each.model, each) for each in days if each.requests]

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        rows = [row for found in pool.map(of, scopes) for row in found]
    return sorted(rows, key=lambda row: (row.period, row.tenant, row.model))


def rollup(rows: Iterable[ReportRow], markups: Callable[[str], Markups]) -> list[ReportRow]:
    """The rows of days summed by month, tenant and model, with what is charged: each day at that day's markup."""
    known: dict[str, Markups] = {}
    sums: dict[tuple[str, str, str], tuple[Usage, Decimal]] = {}
    for row in rows:
        markup = known.setdefault(row.tenant, known.get(row.tenant) or markups(row.tenant))
        name = (row.period[:7], row.tenant, row.model)
        usage, charge = sums.get(name, (Usage(), Decimal(0)))
        sums[name] = (usage + row.usage, charge + markup.charge(date.fromisoformat(row.period), row.usage.cost_usd))
    return [ReportRow(*name, usage, charge) for name, (usage, charge) in sorted(sums.items())]


def by_tenant(rows: Iterable[ReportRow]) -> dict[str, Usage]:
    """Each tenant's sum, in the order of the ids."""
    sums: dict[str, Usage] = {}
    for row in rows:
        sums[row.tenant] = sums.get(row.tenant, Usage()) + row.usage
    return dict(sorted(sums.items()))


def money(amount: Decimal) -> str:
    """USD in full, without needless zeros or an exponent: the same amount always gives the same text."""
    return f"{amount.normalize():f}" if amount else "0"


def values(row: ReportRow) -> list[str]:
    """A row's fields in the order of :data:`COLUMNS`, or of :data:`ROLLUP_COLUMNS` if it has a charge."""
    counts = row.usage.as_attributes()
    numbers = [str(counts[name]) for name in ("requests", "tool_calls", *TOKEN_ATTRIBUTES)]
    charge = [] if row.charge_usd is None else [money(row.charge_usd)]
    return [row.period, row.tenant, row.model, *numbers, money(row.usage.cost_usd), *charge, CURRENCY]


def to_csv(rows: Iterable[ReportRow], columns: Sequence[str] = COLUMNS) -> str:
    """RFC 4180 but for line ends, which are single newlines."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(values(row) for row in rows)
    return out.getvalue()


def from_csv(text: str) -> dict[tuple[str, str, str], Usage]:
    """A stored report as it was counted: use by date, tenant and model. Later columns are passed over."""
    found = {}
    for row in csv.DictReader(io.StringIO(text)):
        numbers: dict[str, Any] = {name: row[name] for name in ("requests", "tool_calls", *TOKEN_ATTRIBUTES)}
        found[row["date"], row["tenant"], row["model"]] = Usage.of({**numbers, "cost_usd": row["cost_usd"]})
    return found


def report_key(day: date) -> str:
    """Where a day's CSV lies in the data bucket."""
    return f"reports/usage/date={day}/usage.csv"


def read_report(s3: Any, bucket: str, day: date) -> StoredText | None:
    """A day's CSV as it was written, or None."""
    return read_text(s3, bucket, report_key(day))


def write_report(s3: Any, bucket: str, day: date, text: str) -> bool:
    """Put a day's CSV there; False when the same bytes are there already.

    Raises
    ------
    Unavailable
        S3 is down.
    """
    from botocore.exceptions import BotoCoreError

    stored = read_report(s3, bucket, day)
    if stored and stored.data == text.encode():
        return False
    try:
        s3.put_object(Bucket=bucket, Key=report_key(day), Body=text.encode(), ContentType="text/csv; charset=utf-8")
    except BotoCoreError as error:
        raise Unavailable(f"S3 did not take {report_key(day)} ({type(error).__name__}).") from None
    return True
