"""``manyclaw tenants quota``."""

from __future__ import annotations

from dataclasses import asdict, replace
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Annotated

import typer

from cli.arguments import TenantArgument
from cli.context import Operator, print_table, session
from cli.root import noun
from manyclaw.errors import BadInput

if TYPE_CHECKING:
    from manyclaw.billing import Allowance, Limits

app = noun("Limit what a tenant may spend.")

_NONE = "none"


@app.command()
def update(
    ctx: typer.Context,
    tenant: TenantArgument,
    tokens_per_day: Annotated[str, typer.Option(help="Tokens of all classes a UTC day, or none.")] = "",
    cost_per_day_usd: Annotated[str, typer.Option(help="USD a UTC day, or none.")] = "",
    requests_per_minute: Annotated[str, typer.Option(help="Model calls a minute, or none.")] = "",
    per_user_tokens_per_day: Annotated[str, typer.Option(help="The same for each end user.")] = "",
    per_user_cost_per_day_usd: Annotated[str, typer.Option(help="The same for each end user.")] = "",
    per_user_requests_per_minute: Annotated[str, typer.Option(help="The same for each end user.")] = "",
    warn_at: Annotated[str, typer.Option(help="Percents of a day's limit at which owners are told, or none.")] = "",
) -> None:
    """Set some of a tenant's limits; the others stay. They hold for every model call that begins from now on.

    Example: manyclaw tenants quota update customer-acme --tokens-per-day 1_000_000 --cost-per-day-usd 25
    """
    from manyclaw.billing import ordered_limits, set_limits

    run = session(ctx)
    operator = run.operator
    scope = operator.scope(tenant)
    limits = ordered_limits(operator.table, scope.tenant)
    changed = replace(
        limits,
        tenant=_changed(limits.tenant, tokens_per_day, cost_per_day_usd, requests_per_minute),
        user=_changed(limits.user, per_user_tokens_per_day, per_user_cost_per_day_usd, per_user_requests_per_minute),
        warn_at=_percents(warn_at) if warn_at else limits.warn_at,
    )
    set_limits(operator.table, scope, changed)
    data = {"limits": asdict(changed.tenant), "limits_per_user": asdict(changed.user), "warn_at": changed.warn_at}
    run.show({"tenant": scope.tenant, **data}, lambda: _print(operator, scope.tenant, ""))


def _changed(allowed: Allowance, tokens: str, cost: str, requests: str) -> Allowance:
    return replace(
        allowed,
        tokens_per_day=_whole(tokens) if tokens else allowed.tokens_per_day,
        cost_per_day_usd=_number(cost) if cost else allowed.cost_per_day_usd,
        requests_per_minute=_whole(requests) if requests else allowed.requests_per_minute,
    )


def _number(text: str) -> Decimal | None:
    if text == _NONE:
        return None
    try:
        return Decimal(text.replace("_", ""))
    except InvalidOperation:
        raise BadInput(f"{text!r} is not a number.", hint="Write it like 25 or 1_000_000, or none.") from None


def _whole(text: str) -> int | None:
    number = _number(text)
    if number is not None and (not number.is_finite() or number != int(number)):
        raise BadInput(f"{text!r} is not a whole number.", hint="Write it like 1_000_000, or none.")
    return None if number is None else int(number)


def _percents(text: str) -> tuple[int, ...]:
    found = [] if text == _NONE else [_whole(part.strip()) for part in text.split(",")]
    return tuple(sorted({percent for percent in found if percent is not None}))


@app.command()
def show(
    ctx: typer.Context,
    tenant: TenantArgument,
    user: Annotated[str, typer.Option(help="Also the limits of this Telegram user id.")] = "",
) -> None:
    """Show a tenant's limits: what is used, what calls under way have reserved, what is left, when it begins anew.

    Example: manyclaw tenants quota show customer-acme
    """
    from datetime import UTC, datetime

    from manyclaw.billing import quota_status

    run = session(ctx)
    scope = run.operator.scope(tenant)
    found = quota_status(scope, datetime.now(UTC), user)
    run.show(
        {"tenant": scope.tenant, "quota": [asdict(each) for each in found]},
        lambda: _print(run.operator, scope.tenant, user),
    )


def _print(operator: Operator, tenant: str, user: str) -> None:
    from datetime import UTC, datetime

    from manyclaw.billing import ordered_limits, quota_status, read_limits

    scope = operator.scopes.open(tenant)
    rows = [
        (
            each.name,
            "none" if each.limit is None else f"{each.limit:,}",
            f"{each.used:,}",
            f"{each.reserved:,}",
            "" if each.remaining is None else f"{each.remaining:,}",
            f"{each.resets_at:%Y-%m-%d %H:%M} UTC",
        )
        for each in quota_status(scope, datetime.now(UTC), user)
    ]
    print_table(("limit", "of", "used", "reserved", "left", "begins anew"), rows, empty="")
    limits = read_limits(scope)
    _print_user_limits(limits)
    if ordered_limits(operator.table, tenant) != limits:
        typer.echo("attention: a change was interrupted; do it again, any update puts all limits into force")


def _print_user_limits(limits: Limits) -> None:
    each_user = {name: value for name, value in asdict(limits.user).items() if value is not None}
    for name, value in each_user.items():
        typer.echo(f"each user: {name.replace('_', ' ')} {value:,}")
    typer.echo("owners are told at: " + (", ".join(f"{percent} %" for percent in limits.warn_at) or "never"))
