"""``manyclaw tenants config``."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from cli.arguments import FileArgument, TenantArgument, read_file
from cli.context import Operator, session
from cli.root import noun
from manyclaw.errors import BadInput, ManyclawError

app = noun("Read and change a tenant's config.yaml.")


@app.command()
def get(ctx: typer.Context, tenant: TenantArgument) -> None:
    """Print a tenant's config.yaml as it is.

    Example: manyclaw tenants config get customer-acme > acme.yaml
    """
    from manyclaw.tenancy import read_overlay

    run = session(ctx)
    scope = run.operator.scope(tenant)
    stored = read_overlay(scope)
    if stored is None:
        run.show({"tenant": scope.tenant, "etag": "", "yaml": ""}, lambda: None)
        typer.echo(f"Tenant {scope.tenant} has no config.yaml; the gateway's defaults are in force.", err=True)
        return
    data = {"tenant": scope.tenant, "etag": stored.etag.strip('"'), "yaml": stored.text}
    run.show(data, lambda: typer.echo(stored.text, nl=not stored.text.endswith("\n")))


@app.command("set")
def set_(ctx: typer.Context, tenant: TenantArgument, file: FileArgument) -> None:
    """Check a file and make it a tenant's config.yaml, in force from the next message on.

    Example: manyclaw tenants config set customer-acme acme.yaml
    """
    run = session(ctx)
    operator = run.operator
    scope = operator.scope(tenant)
    changed = _save(operator, scope.tenant, read_file(file))
    word = "is in force from the next message on" if changed else "was the same already"
    run.done(f"The config.yaml of {scope.tenant} {word}.", tenant=scope.tenant, changed=changed)


def _save(operator: Operator, tenant: str, text: str, if_match: str | None = None) -> bool:
    from manyclaw.tenancy import save_overlay

    scope = operator.scopes.open(tenant)
    return save_overlay(scope, text, operator.gateway, operator.tools_of(scope), if_match=if_match)


@app.command()
def edit(ctx: typer.Context, tenant: TenantArgument) -> None:
    """Open a tenant's config.yaml in $EDITOR and put it into force. A text that is refused is kept.

    Example: EDITOR=nano manyclaw tenants config edit customer-acme
    """
    from manyclaw.tenancy import read_overlay

    run = session(ctx)
    operator = run.operator
    scope = operator.scope(tenant)
    stored = read_overlay(scope)
    before = stored.text if stored else template()
    with tempfile.NamedTemporaryFile(
        "w", prefix=f"{scope.tenant}-", suffix=".yaml", delete=False, encoding="utf-8"
    ) as file:
        file.write(before)
    path = Path(file.name)
    text = _edited(path)
    if text == before:
        path.unlink()
        typer.echo("Nothing was changed.", err=True)
        return
    try:
        _save(operator, scope.tenant, text, if_match=stored.etag if stored else "")
    except ManyclawError as error:
        error.hint = f"{error.hint} Your text is kept in {path}.".strip()
        raise
    path.unlink()
    run.done(
        f"The config.yaml of {scope.tenant} is in force from the next message on.", tenant=scope.tenant, changed=True
    )


def _edited(path: Path) -> str:
    editor = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi")
    try:
        ended = subprocess.run([*editor, str(path)], check=False)  # noqa: S603
    except OSError as error:
        raise BadInput(f"The editor {editor[0]!r} cannot be started: {error.strerror}.", hint="Set EDITOR.") from None
    if ended.returncode != 0:
        raise BadInput(f"The editor ended with status {ended.returncode}; nothing was changed.", hint=f"See {path}.")
    return path.read_text()


def template() -> str:
    """An overlay that sets nothing and names every key with what it does."""
    from manyclaw.tenancy import Overlay

    lines = ["# Every key is optional. Take away the # of what you want to set."]
    for name, key in Overlay.model_fields.items():
        default = key.default if not isinstance(key.default, tuple) else []
        shown = "" if default is None else f" {default}" if default != "" else ' ""'
        lines += ["", f"# {key.description}", f"# {name}:{shown}"]
    return "\n".join(lines) + "\n"


@app.command()
def validate(
    ctx: typer.Context,
    file: FileArgument,
    offline: Annotated[
        bool, typer.Option("--offline", help="Check the file by itself, without the gateway's models.")
    ] = False,
    tenant: Annotated[str, typer.Option("--tenant", "-t", help="Take the tools of this tenant's skills too.")] = "",
) -> None:
    """Check a config.yaml without storing it, and tell the line of each problem.

    Example: manyclaw tenants config validate acme.yaml
    """
    from manyclaw.tenancy import check_overlay, parse_overlay

    run = session(ctx)
    text = read_file(file)
    if offline:
        parse_overlay(text)
    else:
        tools = run.operator.tools_of(run.operator.scope(tenant)) if tenant else run.operator.tools
        check_overlay(text, run.operator.gateway, tools)
    run.done(f"{file} is valid.", file=file, valid=True)
