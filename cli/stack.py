"""``manyclaw stack``: the operator's own configuration of a deployment."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.arguments import FileArgument, read_file, read_secret
from cli.context import Session, session
from cli.root import noun
from manyclaw.errors import BadInput, Misconfigured

app = noun("Configure the deployment itself: models, prices, the Anthropic key.")
config = noun("Read and change the gateway's config.yaml.")
app.add_typer(config, name="config")


@config.command()
def get(ctx: typer.Context) -> None:
    """Print the gateway's config.yaml: models, prices, defaults.

    Example: manyclaw stack config get > gateway.yaml
    """
    from manyclaw.tenancy import read_gateway_config

    run = session(ctx)
    stage = run.operator.stage
    stored = read_gateway_config(stage.clients, stage.settings)
    run.show({"etag": stored.etag.strip('"'), "yaml": stored.text}, lambda: typer.echo(stored.text, nl=False))


@config.command("set")
def set_(ctx: typer.Context, file: FileArgument) -> None:
    """Check a file and make it the gateway's config.yaml; running functions take it up within a minute.

    Example: manyclaw stack config set gateway.yaml
    """
    from manyclaw.tenancy import read_gateway_config, save_gateway_config

    run = session(ctx)
    stage = run.operator.stage
    text = read_file(file)
    try:
        etag = read_gateway_config(stage.clients, stage.settings).etag
    except Misconfigured:
        etag = ""
    save_gateway_config(stage.clients, stage.settings, text, etag=etag)
    run.done("The gateway's config.yaml is stored; running functions take it up within a minute.", stored=True)


@app.command("anthropic-key")
def anthropic_key(
    ctx: typer.Context,
    key: Annotated[str, typer.Option(help="The key; - or nothing asks for it, unseen.")] = "",
) -> None:
    """Store the Anthropic key that all tenants' turns are billed to.

    Example: manyclaw stack anthropic-key --stage prod
    """
    run = session(ctx)
    _store(run, "anthropic", read_secret(key, "Anthropic key"))
    run.done("The Anthropic key is stored.", stored=True)


@app.command("anthropic-admin-key")
def anthropic_admin_key(
    ctx: typer.Context,
    key: Annotated[str, typer.Option(help="The Admin API key; - or nothing asks for it, unseen.")] = "",
) -> None:
    """Store the key to Anthropic's Usage and Cost API, with which `billing verify` compares the whole account.

    Example: manyclaw stack anthropic-admin-key --stage prod
    """
    run = session(ctx)
    _store(run, "anthropic-admin", read_secret(key, "Anthropic Admin API key"))
    run.done("The Anthropic Admin API key is stored.", stored=True)


def _store(run: Session, name: str, value: str) -> None:
    if not value.isascii() or not value.isprintable() or " " in value:
        raise BadInput("That is no key: it holds a space or a character that no key has.")
    from manyclaw.audit import intent

    stage = run.operator.stage
    with intent(run.operator.table.audit(), "key.change", on=f"parameter:{name}"):
        stage.clients.ssm.put_parameter(
            Name=f"/{stage.settings.stack}/{name}", Value=value, Type="SecureString", Overwrite=True
        )
