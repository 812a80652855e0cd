"""``manyclaw cron`` over all tenants: presets, and schedules that drifted from their jobs."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.arguments import YesOption, confirm
from cli.context import print_table, session
from cli.cron import app as app
from cli.cron import book_of
from manyclaw.errors import BadInput, Unavailable


@app.command()
def seed(
    ctx: typer.Context,
    job: Annotated[str, typer.Argument(metavar="PRESET", help="daily-brief, friday-digest or memory-tidy.")],
    off: Annotated[bool, typer.Option("--off", help="Switch it off instead.")] = False,
    yes: YesOption = False,
) -> None:
    """Switch a preset on for every tenant at once; tenants that are being deleted are left out.

    Example: manyclaw cron seed friday-digest --yes
    """
    from manyclaw.schedules import PRESETS

    if job not in PRESETS:
        raise BadInput(f"{job!r} is no preset.", hint=f"Presets: {', '.join(PRESETS)}.")
    if not yes:
        confirm(f"Switch {job} {'off' if off else 'on'} for every tenant?")
    done = []
    for tenant in session(ctx).operator.registry.all():
        if tenant.status == "deleting":
            continue
        book = book_of(ctx, tenant.tenant)
        if book.get(job).spec.enabled == off:
            (book.disable if off else book.enable)(job)
            done.append(tenant.tenant)
    session(ctx).done(f"{job} is now {'off' if off else 'on'} for {len(done)} more tenants.", job=job, changed=done)


@app.command()
def sync(
    ctx: typer.Context,
    tenant: Annotated[str, typer.Option("--tenant", "-t", help="One tenant; all if not given.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only report.")] = False,
) -> None:
    """Compare every job with its schedule and repair what differs; with all tenants, also remove what is left over.

    Example: manyclaw cron sync --dry-run
    """
    from manyclaw.schedules import Reconciled, reconcile, schedules_of, sync_tenant

    operator = session(ctx).operator
    clients, settings = operator.stage.clients, operator.stage.settings
    if tenant:
        scope = operator.scope(tenant)
        names = schedules_of(settings, clients, scope.tenant)
        found = Reconciled(1, 0, tuple(sync_tenant(scope, names, repair=not dry_run)), ())
    else:
        found = reconcile(settings, clients, operator.scopes, operator.registry.all, repair=not dry_run)

    def render() -> None:
        rows = [(each.tenant, each.job, each.kind, "yes" if each.repaired else "no") for each in found.drift]
        print_table(("tenant", "job", "drift", "repaired"), rows, empty="Every schedule is as its job says.")

    session(ctx).show({"tenants": found.tenants, "drift": found.drift, "failed": found.failed}, render)
    if found.failed:
        who = ", ".join(f"{name} ({error})" for name, error in found.failed[:20])
        raise Unavailable(f"{len(found.failed)} tenants could not be looked at: {who}.", hint="Run it again.")
