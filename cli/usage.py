"""``manyclaw usage``."""

from __future__ import annotations

from dataclasses import asdict, fields
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated

import typer

from cli.arguments import TenantArgument, day
from cli.context import print_table, session
from cli.root import noun

app = noun("Show what tenants used and what it cost.")


@app.command()
def show(
    ctx: typer.Context,
    tenant: TenantArgument,
    first: Annotated[str, typer.Option("--from", help="First day, UTC; the month's first if not given.")] = "",
    last: Annotated[str, typer.Option("--to", help="Last day, UTC; today if not given.")] = "",
) -> None:
    """Show a tenant's tokens by class and their cost in USD, by day and model.

    Example: manyclaw usage show customer-acme --from 2026-11-01 --to 2026-11-30
    """
    from manyclaw.billing import Tokens, usage_by_day

    run = session(ctx)
    until = day(last) if last else datetime.now(UTC).date()
    since = day(first) if first else until.replace(day=1)
    scope = run.operator.scopes.open(tenant)
    days = usage_by_day(scope, since, until)
    total = sum((each.cost_usd for each in days), Decimal(0))
    classes = [each.name for each in fields(Tokens)]

    def render() -> None:
        rows = [
            (each.day, each.model, each.requests, *(getattr(each.tokens, name) for name in classes), each.cost_usd)
            for each in days
        ]
        columns = ("day", "model", "requests", *(name.replace("_", " ") for name in classes), "USD")
        print_table(columns, rows, empty=f"Tenant {scope.tenant} used nothing from {since} to {until}.")
        if rows:
            typer.echo(f"Total: {total} USD")

    data = {"tenant": scope.tenant, "from": since, "to": until, "days": [asdict(each) for each in days]}
    run.show({**data, "cost_usd": total}, render)
