"""``manyclaw tenants``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.arguments import TenantArgument, YesOption, confirm
from cli.context import Operator, print_facts, print_table, session
from cli.root import noun

if TYPE_CHECKING:
    from manyclaw.tenancy import ErasureReport, TenantScope

app = noun("Make, list, suspend and delete tenants.")


@app.command()
def create(
    ctx: typer.Context,
    tenant: Annotated[str, typer.Argument(metavar="TENANT", help="1 to 32 of a-z, 0-9 and -.")],
    name: Annotated[str, typer.Option(help="A name for people.")] = "",
    config: Annotated[Path | None, typer.Option(help="The tenant's config.yaml.", dir_okay=False)] = None,
) -> None:
    """Make a tenant, or finish one whose making was interrupted.

    Example: manyclaw tenants create customer-acme --name "Acme Restaurants" --config acme.yaml
    """
    from manyclaw.tenancy import save_overlay

    run = session(ctx)
    operator = run.operator
    text = config.read_text() if config else None
    made = operator.registry.create(
        tenant,
        name,
        prepare=lambda scope: text is not None and save_overlay(scope, text, operator.gateway, operator.tools),
    )
    run.done(
        f"Tenant {made.tenant} is there. Pair its bot: manyclaw channels pair telegram --tenant {made.tenant}",
        **asdict(made),
    )


@app.command("list")
def list_(
    ctx: typer.Context,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many at most.")] = 100,
    cursor: Annotated[str, typer.Option(help="Continue after this tenant.")] = "",
) -> None:
    """List the tenants in the order of their ids.

    Example: manyclaw tenants list --json
    """
    run = session(ctx)
    page = run.operator.registry.page(limit, cursor)

    def render() -> None:
        rows = [(each.tenant, each.status, each.display_name, each.created_at) for each in page.tenants]
        print_table(("tenant", "status", "name", "created"), rows, empty="There are no tenants yet.")
        if page.cursor:
            typer.echo(f"More follow: manyclaw tenants list --cursor {page.cursor}")

    run.show(asdict(page), render)


@app.command()
def show(ctx: typer.Context, tenant: TenantArgument) -> None:
    """Show a tenant: its status, its bot, and whether its configuration is in force.

    Example: manyclaw tenants show customer-acme
    """
    run = session(ctx)
    facts = _facts(run.operator, tenant)
    run.show(facts, lambda: print_facts(facts.items()))


def _facts(operator: Operator, tenant: str) -> dict[str, object]:
    from manyclaw.telegram import load_pairing
    from manyclaw.tenancy import InvalidDocument, check_overlay, read_overlay, serving_status

    found = operator.registry.get(tenant)
    scope = operator.scopes.open(found.tenant)
    pairing, stored, serving = load_pairing(scope), read_overlay(scope), serving_status(scope)
    config = "in force" if stored else "none, the gateway's defaults are in force"
    try:
        if stored:
            check_overlay(stored.data, operator.gateway, operator.tools_of(scope))
    except InvalidDocument as error:
        config = f"broken, the last good one is in force: {error.message}"
    facts: dict[str, object] = {**asdict(found), "config": config}
    if serving != found.status:
        facts["attention"] = f"a change was interrupted (its own status is {serving}); do it again"
    facts["bot"] = f"@{pairing.username}" if pairing else None
    facts["bot_link"] = pairing.link if pairing else None
    return facts


@app.command()
def suspend(ctx: typer.Context, tenant: TenantArgument) -> None:
    """Stop serving a tenant, from its next message on. Nothing is deleted.

    Example: manyclaw tenants suspend customer-acme
    """
    run = session(ctx)
    changed = run.operator.registry.suspend(tenant)
    run.done(f"Tenant {changed.tenant} is suspended.", **asdict(changed))


@app.command()
def resume(ctx: typer.Context, tenant: TenantArgument) -> None:
    """Serve a suspended tenant again.

    Example: manyclaw tenants resume customer-acme
    """
    run = session(ctx)
    changed = run.operator.registry.resume(tenant)
    run.done(f"Tenant {changed.tenant} is active.", **asdict(changed))


@app.command()
def delete(
    ctx: typer.Context,
    tenant: TenantArgument,
    yes: YesOption = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would be deleted.")] = False,
) -> None:
    """Delete a tenant with all its files, conversations and secrets. The ledger is kept for the last invoice.

    Example: manyclaw tenants delete customer-acme --dry-run
    """
    from manyclaw.mcp import forget_tokens
    from manyclaw.schedules import erase_schedules
    from manyclaw.skills import forget_secrets
    from manyclaw.telegram import unpair
    from manyclaw.tenancy import erase

    run = session(ctx)
    operator = run.operator
    found = operator.registry.get(tenant).tenant
    if not (yes or dry_run):
        confirm(f"Delete tenant {found} with everything it has? This cannot be undone.")

    def disconnect(scope: TenantScope) -> list[str]:
        operator.tokens.revoke_all(scope.tenant)
        forget_secrets(scope)
        forget_tokens(scope)
        unpaired = unpair(scope, operator.table, operator.stage.telegram_api_urls[0])
        return [*erase_schedules(scope), *unpaired]

    report = erase(operator.registry, found, disconnect=disconnect, dry_run=dry_run)
    run.show(asdict(report), lambda: _print_report(report))


def _print_report(report: ErasureReport) -> None:
    typer.echo(f"Tenant {report.tenant} " + ("would lose:" if report.dry_run else "is deleted. It lost:"))
    print_facts(
        [
            ("webhook", "yes" if report.webhook else "none"),
            ("file versions", report.object_versions),
            ("secrets", ", ".join(report.secrets) or "none"),
            ("conversations", f"{report.conversations} ({report.conversation_rows} rows)"),
            ("other rows", report.other_rows),
            ("kept", f"{report.kept_usage_rows} day counters and their days' ledger, for the last invoice"),
        ]
    )
    for note in report.notes:
        typer.echo(f"note: {note}")
