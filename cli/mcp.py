"""``manyclaw mcp``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cli.arguments import TenantArgument, read_secret
from cli.context import Operator, print_table, session
from cli.root import noun
from manyclaw.errors import NotFound

if TYPE_CHECKING:
    from manyclaw.tenancy import McpServer, Overlay, TenantScope

app = noun("A tenant's remote MCP servers: their tools and their tokens.")

ServerArgument = Annotated[str, typer.Argument(metavar="SERVER", help="Its name in mcp_servers.")]


@app.command("list")
def list_(ctx: typer.Context, tenant: TenantArgument) -> None:
    """List a tenant's MCP servers, which of their tools are allowed, and which servers have a token.

    Example: manyclaw mcp list customer-acme
    """
    from manyclaw.mcp import list_tokens

    run = session(ctx)
    scope = run.operator.scope(tenant)
    overlay = _overlay(run.operator, scope)
    tokens = {each.server: each for each in list_tokens(scope)}
    data = []
    for server in overlay.mcp_servers:
        kept = tokens.pop(server.name, None)
        state = "none" if kept is None else "stored" if kept.host == server.host else f"for {kept.host}, not sent"
        data.append({"name": server.name, "url": server.url, "tools": overlay.mcp_tools(server.name), "token": state})
    for name, kept in tokens.items():
        data.append({"name": name, "url": "", "tools": (), "token": f"for {kept.host}, not used"})

    def render() -> None:
        rows = [(each["name"], each["url"], ", ".join(each["tools"]) or "none", each["token"]) for each in data]
        print_table(("server", "url", "allowed tools", "token"), rows, empty=f"Tenant {scope.tenant} has none.")

    run.show(data, render)


@app.command()
def tools(ctx: typer.Context, tenant: TenantArgument, server: ServerArgument) -> None:
    """Ask a server which tools it has, as allowed_tools would name them. Only public addresses are connected to.

    Example: manyclaw mcp tools customer-acme calendar
    """
    from manyclaw.mcp import list_tools, read_token

    run = session(ctx)
    scope = run.operator.scope(tenant)
    found = _server(run.operator, scope, server)
    listed = list_tools(found.url, read_token(scope, found.name, found.host))
    data = [{"name": f"mcp__{found.name}__{name}", "description": text} for name, text in listed]
    rows = [(each["name"], each["description"][:120]) for each in data]
    run.show(data, lambda: print_table(("tool", "what it says"), rows, empty=f"{found.host} has no tools."))


@app.command()
def token(
    ctx: typer.Context,
    tenant: TenantArgument,
    server: ServerArgument,
    value: Annotated[str, typer.Option(help="The token; - or nothing asks for it, unseen.")] = "",
) -> None:
    """Store the token that a server wants. It is sent to the host and port that the server has now, and to no other.

    Example: manyclaw mcp token customer-acme calendar --value -
    """
    from manyclaw.mcp import store_token

    run = session(ctx)
    scope = run.operator.scope(tenant)
    found = _server(run.operator, scope, server)
    store_token(scope, found.name, found.host, read_secret(value, f"Token for {found.host}"))
    said = f"{found.name} of {scope.tenant} has its token, for {found.host} alone. It is in use within five minutes."
    run.done(said, tenant=scope.tenant, server=found.name, host=found.host)


@app.command()
def forget(ctx: typer.Context, tenant: TenantArgument, server: ServerArgument) -> None:
    """Delete a server's token.

    Example: manyclaw mcp forget customer-acme calendar
    """
    from manyclaw.mcp import forget_token

    run = session(ctx)
    scope = run.operator.scope(tenant)
    if not forget_token(scope, server):
        raise NotFound(f"The server {server!r} of tenant {scope.tenant} has no token.")
    run.done(f"The token of {server} is deleted.", tenant=scope.tenant, server=server)


def _overlay(operator: Operator, scope: TenantScope) -> Overlay:
    from manyclaw.tenancy import load_overlay

    return load_overlay(scope, operator.gateway, operator.tools_of(scope)).overlay


def _server(operator: Operator, scope: TenantScope, name: str) -> McpServer:
    servers = _overlay(operator, scope).mcp_servers
    for each in servers:
        if each.name == name:
            return each
    known = ", ".join(each.name for each in servers) or "none"
    raise NotFound(
        f"Tenant {scope.tenant} has no MCP server {name!r} (servers: {known}).",
        hint="Name it under mcp_servers in the tenant's config.yaml.",
    )
