"""``manyclaw doctor``."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from cli.context import Operator, print_facts, session

if TYPE_CHECKING:
    from cli.checks.finding import Check, Finding

FOUND = 8
"""The exit code when something is at least as bad as --fail-on."""


class Severity(StrEnum):
    """From the worst to the least."""

    critical = "critical"
    high = "high"
    medium = "medium"
    low = "low"


def doctor(
    ctx: typer.Context,
    security: Annotated[bool, typer.Option("--security", help="Report what an operator left open.")] = False,
    tenant: Annotated[str, typer.Option("--tenant", "-t", help="Of the tenants, only this one.")] = "",
    fail_on: Annotated[Severity, typer.Option(help="Exit with 8 when something is this bad or worse.")] = Severity.high,
) -> None:
    """Look at the deployment and say what is wrong with it, how bad that is, and the command that mends it.

    Example: manyclaw doctor --security --fail-on medium --stage prod

    Nothing is changed. Without --security: whether it works. Exit codes: 0 nothing as bad as --fail-on; 8 something is,
    or something could not be looked at (unknown).
    """
    from cli.checks.finding import SEVERITIES, at_least

    run = session(ctx)
    checks = _checks(run.operator, security, tenant)
    found = sorted(_run(checks), key=lambda each: (SEVERITIES.index(each.severity), each.where, each.what))
    data = {"checks": len(checks), "findings": [asdict(each) for each in found]}
    run.show(data, lambda: _print(len(checks), found))
    if at_least(found, fail_on.value):
        raise typer.Exit(FOUND)


def _checks(operator: Operator, security: bool, tenant: str) -> list[tuple[str, str, Check]]:
    from cli.checks.deployment import Deployment
    from cli.checks.roles import Roles
    from cli.checks.tenants import TenantChecks, basic

    named = list(basic(operator).items())
    tenants = [operator.registry.get(tenant)] if tenant else list(operator.registry.all())
    if security:
        each_tenant = TenantChecks(operator)
        for group in (Deployment(operator).checks(), Roles(operator).checks(), each_tenant.operator_checks()):
            named += group.items()
        for one in tenants:
            if one.status != "deleting":
                named += each_tenant.checks(one.tenant).items()
    return [(name, where, check) for name, (where, check) in named]


def _run(checks: Iterable[tuple[str, str, Check]]) -> list[Finding]:
    """All checks, eight at a time: most of what they do is wait for AWS."""
    from cli.checks.finding import run_check

    with ThreadPoolExecutor(8) as pool:
        return [finding for found in pool.map(lambda each: list(run_check(*each)), checks) for finding in found]


def _print(checks: int, found: list[Finding]) -> None:
    for each in found:
        typer.echo(f"{each.severity.upper():<9} {each.where}: {each.what}")
        print_facts([("          mend", each.mend)])
    typer.echo(f"{checks} checks, {len(found)} findings.")
