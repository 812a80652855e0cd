"""``manyclaw rates``."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated

import typer

from cli.arguments import day
from cli.context import print_table, session
from cli.root import noun
from manyclaw.errors import BadInput

app = noun("Show and change what models cost.")

_CLASSES = ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h")


@app.command()
def show(
    ctx: typer.Context,
    on: Annotated[str, typer.Option("--on", help="The prices in force on this day, UTC; today if not given.")] = "",
) -> None:
    """Show the rate card: USD per million tokens of each class and model, in force on a day.

    Example: manyclaw rates show --on 2026-10-01
    """
    from manyclaw.billing import money

    run = session(ctx)
    when = day(on) if on else datetime.now(UTC).date()
    rows = []
    for model, info in sorted(run.operator.gateway.models.items()):
        rates = info.rates_on(when)
        if rates is None:
            rows.append((model, f"no price on {when}", "", *[""] * len(_CLASSES)))
            continue
        for prices in (rates, *rates.long_prompts):
            above = getattr(prices, "above_prompt_tokens", None)
            band = f"prompts above {above:,} tokens" if above else "all" if not rates.long_prompts else "others"
            rows.append((model, str(rates.from_), band, *(money(getattr(prices, name)) for name in _CLASSES)))
    columns = ("model", "from", "prompts", *_CLASSES)
    data = [dict(zip(columns, row, strict=True)) for row in rows]
    run.show(data, lambda: print_table(columns, rows, empty="There are no models."))


@app.command("set")
def set_(
    ctx: typer.Context,
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A model's id; a new one is added.")],
    input_: Annotated[str, typer.Option("--input", help="USD per million input tokens.")],
    output: Annotated[str, typer.Option(help="USD per million output tokens.")],
    cache_read: Annotated[str, typer.Option(help="USD per million tokens read from the cache.")],
    cache_write_5m: Annotated[str, typer.Option("--cache-write-5m", help="USD per million, 5-minute writes.")],
    cache_write_1h: Annotated[str, typer.Option("--cache-write-1h", help="USD per million, 1-hour writes.")],
    first: Annotated[str, typer.Option("--from", help="First day, UTC; today if not given.")] = "",
) -> None:
    """Add a price from a day on. What was settled before keeps its price.

    Example: manyclaw rates set claude-x --input 3 --output 15 --cache-read 0.3 --cache-write-5m 3.75 --cache-write-1h 6

    All five classes are asked for: none is guessed from another.
    """
    from manyclaw.audit import intent
    from manyclaw.billing import PriceChange, change_price
    from manyclaw.tenancy import read_gateway_config, save_gateway_config

    run = session(ctx)
    stage = run.operator.stage
    today = datetime.now(UTC).date()
    prices = [_price(text) for text in (input_, output, cache_read, cache_write_5m, cache_write_1h)]
    change = PriceChange(model, day(first) if first else today, *prices)
    stored = read_gateway_config(stage.clients, stage.settings)
    named = dict(zip(_CLASSES, prices, strict=True))
    told = {"first": str(change.first), "prices": [f"{name}={price}" for name, price in named.items()]}
    with intent(run.operator.table.audit(), "rates.change", on=f"model:{model}", **told):
        save_gateway_config(stage.clients, stage.settings, change_price(stored.text, change, today), etag=stored.etag)
    run.done(
        f"{model} costs {change.entry()} from {change.first} on; running functions know it within a minute.",
        model=model,
        first=change.first,
    )


def _price(text: str) -> Decimal:
    try:
        price = Decimal(text)
    except InvalidOperation:
        raise BadInput(f"{text!r} is not a price.", hint="Write it like 3.75.") from None
    if not price.is_finite() or price < 0:
        raise BadInput(f"{text!r} is not a price.", hint="Write it like 3.75.")
    return price


@app.command()
def check(ctx: typer.Context) -> None:
    """Check that every model has a price today, and that every tenant's model is on the card. Exit code 1 if not.

    Example: manyclaw rates check
    """
    from manyclaw.billing import unpriced_tenants

    run = session(ctx)
    operator = run.operator
    today = datetime.now(UTC).date()
    models = sorted(model for model, info in operator.gateway.models.items() if info.rates_on(today) is None)
    scopes = (operator.scopes.open(each.tenant) for each in operator.registry.all() if each.status != "deleting")
    tenants = unpriced_tenants(scopes, operator.gateway, today)

    def render() -> None:
        for model in models:
            typer.echo(f"{model} has no price on {today}.")
        for tenant, model in tenants.items():
            typer.echo(f"{tenant} does not run: its model {model} has no price on {today}.")
        if not models and not tenants:
            typer.echo("Every model has its price, and every tenant's model is on the card.")

    run.show({"models": models, "tenants": tenants}, render)
    if models or tenants:
        raise typer.Exit(1)
