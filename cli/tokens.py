"""``manyclaw tokens``."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from cli.context import Session, print_table, session
from cli.root import noun
from manyclaw.errors import BadInput

if TYPE_CHECKING:
    from manyclaw.access import Token

app = noun("Make, list, rotate and revoke API tokens, a tenant's or the operator's.")

Whose = Annotated[str, typer.Option("--tenant", "-t", help="The tenant's id.")]
AsOperator = Annotated[bool, typer.Option("--operator", help="An operator's token: all tenants, every scope.")]
TokenArgument = Annotated[str, typer.Argument(metavar="TOKEN", help="The token's id, as `tokens list` shows it.")]


def _owner(run: Session, tenant: str, operator: bool) -> str | None:
    """The tenant, which must be there, or None for the operator. Raises ``BadInput`` unless exactly one is named."""
    if bool(tenant) == operator:
        raise BadInput("Whose token?", hint="Name a --tenant, or say --operator.")
    return run.operator.registry.get(tenant).tenant if tenant else None


def _shown(token: Token) -> dict[str, object]:
    expires = None
    if token.expires_at is not None:
        expires = datetime.fromtimestamp(token.expires_at, UTC).isoformat().replace("+00:00", "Z")
    return {**asdict(token), "expires_at": expires}


def _print_made(run: Session, secret: str, token: Token) -> None:
    def render() -> None:
        typer.echo(secret)
        typer.echo(f"Token {token.id}. It is shown this once: keep it where secrets are kept.", err=True)

    run.show({"token": secret, **_shown(token)}, render)


@app.command()
def create(
    ctx: typer.Context,
    tenant: Whose = "",
    operator: AsOperator = False,
    scope: Annotated[
        list[str] | None, typer.Option(help="usage:read, config:write, cron:write or audit:read; may be repeated.")
    ] = None,
    name: Annotated[str, typer.Option(help="What it is for.")] = "",
    days: Annotated[int, typer.Option(min=0, help="Days until it expires; 0: never.")] = 0,
) -> None:
    """Make a token and print it, this once.

    Example: manyclaw tokens create --tenant customer-acme --scope usage:read --name "their dashboard"
    """
    run = session(ctx)
    owner = _owner(run, tenant, operator)
    if operator and scope:
        raise BadInput("An operator's token has every scope.", hint="Leave --scope out.")
    made = run.operator.tokens.create(owner, scope or ["usage:read"], name, lifetime=days * 86_400 or None)
    _print_made(run, *made)


@app.command("list")
def list_(ctx: typer.Context, tenant: Whose = "", operator: AsOperator = False) -> None:
    """List the tokens of a tenant or of the operator: scopes, expiry, when each was last used (within an hour).

    Example: manyclaw tokens list --tenant customer-acme
    """
    run = session(ctx)
    found = [_shown(each) for each in run.operator.tokens.of(_owner(run, tenant, operator))]

    def render() -> None:
        columns = ("id", "name", "scopes", "created_at", "expires_at", "last_used")
        rows = [
            tuple(" ".join(value) if isinstance(value := each[name], tuple) else value or "never" for name in columns)
            for each in found
        ]
        print_table(columns, rows, empty="There are no tokens yet.")

    run.show({"tokens": found}, render)


@app.command()
def revoke(ctx: typer.Context, token: TokenArgument, tenant: Whose = "", operator: AsOperator = False) -> None:
    """End a token at once, with the dashboard sessions that it opened.

    Example: manyclaw tokens revoke 3f9a1c20b7de --tenant customer-acme
    """
    run = session(ctx)
    gone = run.operator.tokens.revoke(_owner(run, tenant, operator), token)
    run.done(f"Token {gone.id} is revoked.", **_shown(gone))


@app.command()
def rotate(
    ctx: typer.Context,
    token: TokenArgument,
    tenant: Whose = "",
    operator: AsOperator = False,
    grace_hours: Annotated[int, typer.Option(min=0, max=720, help="How long the old one still works.")] = 24,
) -> None:
    """Make a token like another and print it, this once; the old one ends when the hours of grace are over.

    Example: manyclaw tokens rotate 3f9a1c20b7de --tenant customer-acme --grace-hours 1
    """
    run = session(ctx)
    owner = _owner(run, tenant, operator)
    _print_made(run, *run.operator.tokens.rotate(owner, token, grace=grace_hours * 3600))
