"""The usage report of one tenant: from the counters, in pages, or as CSV."""

from __future__ import annotations

import csv
import io
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from datetime import UTC, datetime

from functions.api.period import Period, decode_cursor, encode_cursor
from functions.api.schemas import Amounts, QuotaRow, UsageAnswer, UsageRow, amounts, quota_row
from manyclaw.billing import GroupBy, Tokens, UsageReport, quota_status, usage_report
from manyclaw.errors import BadInput
from manyclaw.tenancy import TenantScope

_pool = ThreadPoolExecutor(2, "quota")
"""The quota is read beside the report: each waits for the table, not for the processor."""

_CLASSES = tuple(each.name for each in fields(Tokens))


def quota_rows(scope: TenantScope) -> list[QuotaRow]:
    """Every limit of the tenant as it stands now."""
    return [quota_row(each) for each in quota_status(scope, datetime.now(UTC))]


def answer(scope: TenantScope, when: Period, group_by: GroupBy, limit: int, cursor: str) -> UsageAnswer:
    """A page of the report; ``totals`` are always the whole period's.

    Raises
    ------
    BadInput
        ``cursor`` is none of this report.
    """
    asked = _pool.submit(quota_rows, scope)
    report = usage_report(scope, when.first, when.last, group_by)
    start = _start(report, cursor) if cursor else 0
    shown = report.groups[start : start + limit]
    more = start + limit < len(report.groups)
    return UsageAnswer.model_validate(
        {
            "tenant": scope.tenant,
            "from": when.first,
            "to": when.last,
            "group_by": group_by,
            "currency": report.currency,
            "totals": Amounts.model_validate(amounts(report.total)),
            "quota": asked.result(),
            "rows": [UsageRow.model_validate({"key": each.name, **amounts(each.usage)}) for each in shown],
            "next_cursor": encode_cursor(shown[-1].name) if more and shown else None,
        }
    )


def _start(report: UsageReport, cursor: str) -> int:
    """The row after the one that ``cursor`` names. It stands in the list as long as the counters do: for good."""
    after = decode_cursor(cursor)
    for number, group in enumerate(report.groups):
        if group.name == after:
            return number + 1
    raise BadInput("That cursor is of another report.", hint="Begin again without one.")


def csv_text(report: UsageReport) -> str:
    """The report as CSV (RFC 4180): a head, then one line a group; stable columns, exact amounts."""
    out = io.StringIO()
    writer = csv.writer(out)
    token_columns = [f"{name}_tokens" for name in _CLASSES]
    writer.writerow([report.group_by, "requests", "tool_calls", *token_columns, "cost_usd"])
    for group in report.groups:
        usage = group.usage
        counts = [getattr(usage.tokens, name) for name in _CLASSES]
        writer.writerow([group.name, usage.requests, usage.tool_calls, *counts, format(usage.cost_usd, "f")])
    return out.getvalue()
