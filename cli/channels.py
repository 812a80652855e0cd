"""``manyclaw channels``."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from cli.arguments import TenantOption, YesOption, confirm, read_secret
from cli.context import Operator, print_facts, print_table, session
from cli.root import noun
from manyclaw.errors import ManyclawError, NotFound

if TYPE_CHECKING:
    from manyclaw.telegram import ChannelStatus, Pairing
    from manyclaw.tenancy import TenantScope

app = noun("Connect tenants with their bots.")


class Channel(StrEnum):
    """Where people talk to a tenant."""

    telegram = "telegram"


@app.command()
def pair(
    ctx: typer.Context,
    channel: Annotated[Channel, typer.Argument(help="The channel.")],
    tenant: TenantOption,
    token: Annotated[str, typer.Option(help="The bot's token from @BotFather; - or nothing asks for it, unseen.")] = "",
    menu: Annotated[
        bool, typer.Option("--menu/--no-menu", help="Give the tenant's owners a menu button that opens the dashboard.")
    ] = True,
) -> None:
    """Connect a tenant with its bot: checks the token, makes a secret, sets the webhook. Pairing again is safe.

    Example: manyclaw channels pair telegram --tenant customer-acme --token -

    An owner who has not written to the bot yet gets the menu button with `manyclaw channels menu` later.
    """
    from manyclaw.telegram import pair

    run = session(ctx)
    operator, stage = run.operator, run.operator.stage
    scope = operator.scope(tenant)
    paired = pair(
        scope,
        operator.table,
        read_secret(token, "Bot token"),
        api_urls=stage.telegram_api_urls,
        webhook_base=stage.public_url,
        allow_relay=stage.allow_relay,
    )
    simulated = bool(stage.chat_page) and not paired.api_url
    link = stage.chat_page if simulated else paired.link
    delivery = "webhook" if paired.webhook_url else "relay"
    given, notes = _try_menu(operator, scope, paired) if menu else ([], [])
    data = {"tenant": scope.tenant, **asdict(paired), "link": link, "delivery": delivery}
    data |= {"menu_owners": given, "menu_notes": notes}

    def render() -> None:
        typer.echo(f"@{paired.username} ({paired.name}) now speaks for tenant {scope.tenant}.")
        print_facts(
            [
                ("talk to it", link),
                ("webhook", paired.webhook_url or "none: `make dev` fetches its messages while it runs"),
                ("dashboard in the menu of", ", ".join(map(str, given))),
            ]
        )
        for note in notes:
            typer.echo(f"No menu button for {note}")

    run.show(data, render)


@app.command()
def menu(ctx: typer.Context, tenant: TenantOption) -> None:
    """Give the tenant's owners (config.yaml, owners) a menu button in their chat with the bot: it opens the dashboard.

    Example: manyclaw channels menu --tenant customer-acme
    """
    from manyclaw.telegram import load_pairing

    run = session(ctx)
    operator = run.operator
    scope = operator.scope(tenant)
    pairing = load_pairing(scope)
    if pairing is None:
        raise NotFound(f"Tenant {scope.tenant} has no bot.", hint="Pair it first: manyclaw channels pair telegram.")
    owners = _owners(operator, scope)
    if not owners:
        hint = f"List Telegram user ids under owners: manyclaw tenants config edit {scope.tenant}."
        raise NotFound(f"Tenant {scope.tenant} has no owners.", hint=hint)
    address, notes = _offer_menu(operator, scope, pairing, owners)
    given = len(owners) - len(notes)
    people = "1 owner" if given == 1 else f"{given} owners"
    told = "\n".join([f"{people} of {scope.tenant} can open {address} from the bot's menu.", *notes.values()])
    run.done(told, tenant=scope.tenant, address=address, owners=list(owners), notes=list(notes.values()))


def _owners(operator: Operator, scope: TenantScope) -> tuple[int, ...]:
    from manyclaw.tenancy import load_overlay

    return load_overlay(scope, operator.gateway, operator.tools_of(scope)).overlay.owners


def _offer_menu(
    operator: Operator, scope: TenantScope, pairing: Pairing, owners: tuple[int, ...]
) -> tuple[str, dict[int, str]]:
    """The dashboard's address, and why an owner could not be given its button, by owner."""
    from manyclaw.audit import record
    from manyclaw.telegram import dashboard_address, offer_dashboard, open_bot

    stage = operator.stage
    record(scope.audit, "pairing.menu", on=f"bot:{pairing.bot_id}", owners=[f"telegram:{owner}" for owner in owners])
    address = dashboard_address(stage.public_url, scope.tenant)
    return address, offer_dashboard(open_bot(scope, pairing, stage.telegram_api_urls[0]), owners, address)


def _try_menu(operator: Operator, scope: TenantScope, pairing: Pairing) -> tuple[list[int], list[str]]:
    """Who got the button, and in words who did not: a bot that is paired is paired, with or without it."""
    try:
        owners = _owners(operator, scope)
        _, notes = _offer_menu(operator, scope, pairing, owners) if owners else ("", {})
    except ManyclawError as error:
        return [], [f"the owners: {error.message} Later: manyclaw channels menu --tenant {scope.tenant}"]
    return [owner for owner in owners if owner not in notes], list(notes.values())


@app.command()
def status(
    ctx: typer.Context,
    tenant: Annotated[str, typer.Option("--tenant", "-t", help="Only this tenant.")] = "",
) -> None:
    """Show what Telegram says of each bot beside what we hold, and whether the two agree.

    Example: manyclaw channels status --tenant customer-acme
    """
    run = session(ctx)
    found = _statuses(run.operator, tenant)

    def render() -> None:
        rows = [
            (each.tenant, f"@{each.username}" if each.username else "", each.state, each.delivery, _pending(each))
            for each in found
        ]
        print_table(("tenant", "bot", "state", "by", "waiting"), rows, empty="There are no tenants yet.")
        for each in found:
            for problem in each.problems:
                typer.echo(f"{each.tenant}: {problem}")

    run.show([asdict(each) for each in found], render)


def _pending(status: ChannelStatus) -> str:
    return "" if status.pending is None else str(status.pending)


def _statuses(operator: Operator, tenant: str) -> list[ChannelStatus]:
    from concurrent.futures import ThreadPoolExecutor

    from manyclaw.telegram import channel_status

    registry = operator.registry
    tenants = [registry.get(tenant)] if tenant else list(registry.all())
    with ThreadPoolExecutor(8) as pool:
        return list(
            pool.map(
                lambda each: channel_status(
                    operator.scopes.open(each.tenant), operator.table, operator.stage.telegram_api_urls[0]
                ),
                tenants,
            )
        )


@app.command()
def unpair(ctx: typer.Context, tenant: TenantOption, yes: YesOption = False) -> None:
    """Part a tenant from its bot and forget the token. What people write meanwhile waits at Telegram for a day.

    Example: manyclaw channels unpair --tenant customer-acme --yes
    """
    from manyclaw.telegram import unpair

    run = session(ctx)
    operator = run.operator
    scope = operator.scope(tenant)
    if not yes:
        confirm(f"Part tenant {scope.tenant} from its bot?")
    notes = unpair(scope, operator.table, operator.stage.telegram_api_urls[0])
    run.done("\n".join([f"Tenant {scope.tenant} has no bot now.", *notes]), tenant=scope.tenant, notes=notes)
