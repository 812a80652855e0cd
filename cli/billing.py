"""``manyclaw billing``."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from cli.arguments import TenantArgument, day
from cli.context import Operator, Session, print_table, session
from cli.root import noun
from manyclaw.errors import BadInput

if TYPE_CHECKING:
    from manyclaw.billing import ReportRow, Verification
    from manyclaw.tenancy import TenantScope

app = noun("Report what all tenants used and owe, and prove it.")


class Format(StrEnum):
    """How a report is printed."""

    table = "table"
    csv = "csv"
    json = "json"


_Period = Annotated[str, typer.Option(help="A month (2026-11) or a day (2026-11-30), UTC.")]
_From = Annotated[str, typer.Option("--from", help="First day, UTC, in place of --period.")]
_To = Annotated[str, typer.Option("--to", help="Last day, UTC; today if not given.")]
_Tenant = Annotated[str, typer.Option("--tenant", "-t", help="Only this tenant.")]
_Format = Annotated[Format, typer.Option("--format", help="table, csv or json.")]


@app.command()
def summary(
    ctx: typer.Context,
    period: _Period = "",
    first: _From = "",
    last: _To = "",
    tenant: _Tenant = "",
    format_: _Format = Format.table,
) -> None:
    """Show each tenant's use and cost in a period; this month's if none is given.

    Example: manyclaw billing summary --period 2026-11
    """
    from manyclaw.billing import by_tenant, money

    run = session(ctx)
    since, until = days(period, first, last)
    found = by_tenant(_report(run.operator, tenant, since, until))
    columns = ("tenant", "requests", "tool_calls", "prompt_tokens", "output_tokens", "cost_usd")
    rows = [
        (name, usage.requests, usage.tool_calls, usage.tokens.prompt, usage.tokens.output, money(usage.cost_usd))
        for name, usage in found.items()
    ]
    if _wants_json(run, format_):
        data = {"from": since, "to": until, "tenants": [dict(zip(columns, row, strict=True)) for row in rows]}
        Session(run.stage_name, True, run.debug).show(data, lambda: None)
    elif format_ is Format.csv:
        _exported(run, "billing-summary", since, until)
        for row in (columns, *rows):
            typer.echo(",".join(map(str, row)))
    else:
        print_table(columns, rows, empty=f"Nothing was used from {since} to {until}.")


@app.command()
def report(
    ctx: typer.Context,
    period: _Period = "",
    first: _From = "",
    last: _To = "",
    tenant: _Tenant = "",
    format_: _Format = Format.table,
) -> None:
    """Show a row a day, tenant and model. As CSV, one day is byte for byte what the night writes.

    Example: manyclaw billing report --period 2026-11-30 --format csv
    """
    from manyclaw.billing import COLUMNS

    run = session(ctx)
    since, until = days(period, first, last)
    if format_ is Format.csv:
        _exported(run, "billing-report", since, until)
    _print(run, format_, COLUMNS, _report(run.operator, tenant, since, until))


@app.command()
def rollup(
    ctx: typer.Context,
    period: _Period = "",
    first: _From = "",
    last: _To = "",
    tenant: _Tenant = "",
    format_: _Format = Format.table,
) -> None:
    """Show a row a month, tenant and model with what is charged: the cost with the tenant's markup. For invoices.

    Example: manyclaw billing rollup --period 2026-11 --format csv
    """
    from manyclaw.billing import ROLLUP_COLUMNS, read_markups
    from manyclaw.billing import rollup as roll_up

    run = session(ctx)
    since, until = days(period, first, last)
    if format_ is Format.csv:
        _exported(run, "billing-rollup", since, until)
    rows = _report(run.operator, tenant, since, until)
    _print(run, format_, ROLLUP_COLUMNS, roll_up(rows, lambda name: read_markups(run.operator.table, name)))


@app.command()
def markup(
    ctx: typer.Context,
    tenant: TenantArgument,
    percent: Annotated[str, typer.Argument(metavar="PERCENT", help="On top of cost, e.g. 20; negative: a discount.")],
    first: Annotated[str, typer.Option("--from", help="First day, UTC; today if not given.")] = "",
) -> None:
    """Set what a tenant pays on top of cost, from a day on. Costs and limits know nothing of it.

    Example: manyclaw billing markup customer-acme 20 --from 2026-12-01
    """
    from decimal import InvalidOperation

    from manyclaw.billing import set_markup

    run = session(ctx)
    scope = run.operator.scope(tenant)
    today = datetime.now(UTC).date()
    since = day(first) if first else today
    try:
        number = Decimal(percent)
    except InvalidOperation:
        raise BadInput(f"{percent!r} is not a number.", hint="Write it like 20 or 12.5.") from None
    set_markup(run.operator.table, scope, number, since, today)
    run.done(f"{scope.tenant} pays {number} % on top of cost from {since} on.", tenant=scope.tenant, percent=number)


@app.command()
def verify(ctx: typer.Context, period: _Period = "", first: _From = "", last: _To = "", tenant: _Tenant = "") -> None:
    """Recompute a period from the ledger and compare counters, prices, CSV files and, with an admin key, Anthropic.

    Example: manyclaw billing verify --period 2026-11

    Calls that began and never settled are listed one by one. Exit code 1 when anything differs.
    """
    from manyclaw.billing import read_report, verify_books

    run = session(ctx)
    operator = run.operator
    since, until = days(period, first, last)
    stage = operator.stage

    def read_csv(wanted: date) -> str | None:
        stored = read_report(stage.clients.s3, stage.settings.bucket, wanted)
        return stored.text if stored else None

    found = verify_books(_scopes(operator, tenant), operator.gateway, read_csv, since, until, datetime.now(UTC))
    with_anthropic = False if tenant else _compare_with_anthropic(operator, found)
    data = {**asdict(found), "by_model": None, "anthropic": with_anthropic}
    del data["by_model"]
    run.show(data, lambda: _print_verification(found, with_anthropic))
    if found.differences:
        raise typer.Exit(1)


def _compare_with_anthropic(operator: Operator, found: Verification) -> bool:
    """Whether there is an admin key; then differences with Anthropic's account are added to ``found``."""
    from manyclaw.billing import billed_costs, billed_tokens, compare_bill

    key = operator.admin_key()
    if not key:
        return False
    asked = (operator.stage.settings.anthropic_base_url, key, found.first, found.last)
    found.differences += compare_bill(found.by_model, billed_tokens(*asked), billed_costs(*asked))
    return True


def _print_verification(found: Verification, with_anthropic: bool) -> None:
    from manyclaw.billing import money

    typer.echo(
        f"{found.first} to {found.last}: {found.rows:,} ledger rows of {found.tenants:,} tenants, "
        f"{found.total.requests:,} settled, {found.refused:,} refused, {money(found.total.cost_usd)} USD; "
        f"{found.reports:,} CSV files; Anthropic's account "
        + ("compared" if with_anthropic else "not compared (no admin key, or one tenant only)")
    )
    rows = [
        (each.tenant, each.row.began_at, each.row.turn, each.row.number, each.row.model) for each in found.open_calls
    ]
    print_table(("tenant", "began", "turn", "call", "model"), rows, empty="No call is open.")
    different = [(each.tenant, each.what, each.ledger, each.found) for each in found.differences]
    print_table(("tenant", "what", "ledger", "found"), different, empty="Everything agrees.")


def _scopes(operator: Operator, tenant: str) -> list[TenantScope]:
    from manyclaw.billing import billed_tenants

    listed = [tenant] if tenant else billed_tenants(operator.table)
    return [operator.scopes.open(each) for each in listed]


def _report(operator: Operator, tenant: str, since: date, until: date) -> list[ReportRow]:
    from manyclaw.billing import report

    return report(_scopes(operator, tenant), since, until)


def _exported(run: Session, report: str, since: date, until: date) -> None:
    """For the operator's audit log: a report of all tenants leaves as CSV."""
    from manyclaw.audit import record

    record(run.operator.table.audit(), "export.usage", on=report, first=str(since), last=str(until))


def _wants_json(run: Session, format_: Format) -> bool:
    return run.json or format_ is Format.json


def _print(run: Session, format_: Format, columns: tuple[str, ...], rows: list[ReportRow]) -> None:
    from manyclaw.billing import to_csv, values

    fields = [dict(zip(columns, values(row), strict=True)) for row in rows]
    if _wants_json(run, format_):
        Session(run.stage_name, True, run.debug).show(fields, lambda: None)
    elif format_ is Format.csv:
        typer.echo(to_csv(rows, columns), nl=False)
    else:
        print_table(columns, [tuple(each.values()) for each in fields], empty="Nothing was used in this period.")


def days(period: str, first: str, last: str) -> tuple[date, date]:
    """The first and last day that the options name; this month up to today if they name none.

    Raises
    ------
    BadInput
        Not a month or day, both ways at once, or the end before the beginning.
    """
    today = datetime.now(UTC).date()
    if period and (first or last):
        raise BadInput("Give --period, or --from and --to.")
    if len(period) == 7:
        begin = day(f"{period}-01")
        return begin, (begin.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
    if period:
        return day(period), day(period)
    until = day(last) if last else today
    since = day(first) if first else until.replace(day=1)
    if since > until:
        raise BadInput(f"The period begins on {since}, after its end on {until}.")
    return since, until
