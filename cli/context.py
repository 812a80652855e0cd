"""What every command gets: the deployment, opened at first use, and how to print."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, is_dataclass
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from cli.stage import Stage
    from manyclaw.access import Tokens
    from manyclaw.audit import Actor
    from manyclaw.tenancy import GatewayConfig, GatewayTable, Registry, ScopeFactory, TenantScope


class Operator:
    """The operator's rights on one deployment. Everything is opened at its first use, so ``--help`` opens nothing."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    @cached_property
    def actor(self) -> Actor:
        """Who runs the command, as AWS knows them; asked when the first entry for an audit log needs it."""
        from manyclaw.audit import Actor

        return Actor("operator", self.stage.clients.sts.get_caller_identity()["Arn"], "cli")

    @cached_property
    def scopes(self) -> ScopeFactory:
        from manyclaw.tenancy import ScopeFactory

        return ScopeFactory(self.stage.settings, self.stage.clients)

    @cached_property
    def table(self) -> GatewayTable:
        from manyclaw.tenancy import GatewayTable

        return GatewayTable(self.stage.settings, self.stage.clients)

    @cached_property
    def registry(self) -> Registry:
        from manyclaw.tenancy import Registry

        return Registry(self.table, self.scopes)

    @cached_property
    def tokens(self) -> Tokens:
        from manyclaw.access import Tokens
        from manyclaw.tenancy import ACCESS_PARTITION, GatewayTable

        return Tokens(self.table, GatewayTable(self.stage.settings, self.stage.clients, ACCESS_PARTITION))

    @cached_property
    def gateway(self) -> GatewayConfig:
        """The gateway's configuration. Raises ``Misconfigured`` when there is none."""
        from manyclaw.tenancy import load_gateway_config

        return load_gateway_config(self.stage.clients, self.stage.settings)

    @cached_property
    def tools(self) -> frozenset[str]:
        """The product's own tools: all that a tenant without skills may allow."""
        from manyclaw.agent import tool_names

        return tool_names()

    def tools_of(self, scope: TenantScope) -> frozenset[str]:
        """What a tenant's ``allowed_tools`` may name: the product's own tools and its skills'."""
        from manyclaw.agent import known_tools

        return known_tools(scope)

    def admin_key(self) -> str:
        """The key to Anthropic's Usage and Cost API; "" when there is none."""
        from manyclaw.aws import error_code

        name = f"/{self.stage.settings.stack}/anthropic-admin"
        ssm = self.stage.clients.ssm
        try:
            return str(ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"].get("Value", ""))
        except ssm.exceptions.ClientError as error:
            if error_code(error) == "ParameterNotFound":
                return ""
            raise

    def scope(self, tenant: str) -> TenantScope:
        """The scope of a tenant that is in the registry. Raises ``NotFound`` otherwise."""
        return self.scopes.open(self.registry.get(tenant).tenant)


@dataclass
class Session:
    """One run of the command: which stage, and how to print. It is what ``ctx.obj`` holds."""

    stage_name: str
    json: bool
    debug: bool

    @cached_property
    def operator(self) -> Operator:
        from cli.stage import load_stage
        from manyclaw.audit import act_as

        operator = Operator(load_stage(self.stage_name))
        act_as(lambda: operator.actor)
        return operator

    def show(self, data: Any, render: Callable[[], None]) -> None:
        """``data`` as JSON with ``--json``; otherwise as ``render`` prints it for people."""
        if self.json:
            typer.echo(json.dumps(data, default=_plain, ensure_ascii=False, indent=2))
        else:
            render()

    def done(self, message: str, **data: Any) -> None:
        """A change that was made, in a sentence; with ``--json`` its ``data``."""
        self.show(data, lambda: typer.echo(message))


def session(ctx: typer.Context) -> Session:
    """The session of this run."""
    found = ctx.find_object(Session)
    assert found is not None
    return found


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, empty: str) -> None:
    """A table for people; ``empty`` in its place when there are no rows. Numbers stand right."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    listed = list(rows)
    if not listed:
        typer.echo(empty)
        return
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for number, column in enumerate(columns):
        numeric = all(isinstance(row[number], int | Decimal) for row in listed)
        table.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in listed:
        table.add_row(*(Text(f"{cell:,}" if isinstance(cell, int) else str(cell)) for cell in row))
    console = Console()
    if not sys.stdout.isatty():
        console.width = 200
    console.print(table)


def print_facts(facts: Iterable[tuple[str, object]]) -> None:
    """Names and values, aligned; empty values are left out."""
    listed = [(name, str(value)) for name, value in facts if value not in ("", None)]
    width = max((len(name) for name, _ in listed), default=0)
    for name, value in listed:
        typer.echo(f"{name:<{width}}  {value}")


def _plain(value: Any) -> Any:
    """Decimals stay exact as texts; dataclasses become objects."""
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form")
