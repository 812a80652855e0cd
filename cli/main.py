"""``manyclaw``: the operator's command."""

from __future__ import annotations

from typing import Annotated

import typer

from cli import (
    audit,
    billing,
    channels,
    config,
    cron_all,
    mcp,
    memory,
    quota,
    rates,
    skills,
    stack,
    tenants,
    tokens,
    usage,
)
from cli.context import Session, print_facts, session
from cli.doctor import doctor
from cli.root import Root

app = typer.Typer(
    cls=Root,
    name="manyclaw",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
tenants.app.add_typer(config.app, name="config")
tenants.app.add_typer(quota.app, name="quota")
app.add_typer(tenants.app, name="tenants")
app.add_typer(channels.app, name="channels")
app.add_typer(skills.app, name="skills")
app.add_typer(mcp.app, name="mcp")
app.add_typer(memory.app, name="memory")
app.add_typer(usage.app, name="usage")
app.add_typer(cron_all.app, name="cron")
app.add_typer(billing.app, name="billing")
app.add_typer(rates.app, name="rates")
app.add_typer(tokens.app, name="tokens")
app.add_typer(audit.app, name="audit")
app.add_typer(stack.app, name="stack")


@app.callback()
def root(
    ctx: typer.Context,
    stage: Annotated[
        str, typer.Option(envvar="MANYCLAW_STAGE", help="local, or an environment of samconfig.toml.")
    ] = "local",
    json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Run the Telegram AI bots of many customers on one AWS deployment.

    --stage, --json and --debug may stand anywhere in the command.
    """
    ctx.obj = Session(stage, json, debug)


@app.command()
def info(ctx: typer.Context) -> None:
    """Show the deployment: its addresses, its resources, and whether it answers.

    Example: manyclaw info --stage staging
    """
    from cli.health import health

    run = session(ctx)
    stage = run.operator.stage
    state = health(stage)
    facts = {
        "stage": stage.name,
        "health": state,
        "public_url": stage.public_url,
        "telegram_api_url": stage.settings.telegram_api_url,
        "anthropic_base_url": stage.settings.anthropic_base_url,
        "chat_page": stage.chat_page,
    }
    run.show({**facts, "outputs": dict(stage.outputs)}, lambda: print_facts([*facts.items(), *stage.outputs.items()]))


app.command()(doctor)


@app.command()
def version(ctx: typer.Context) -> None:
    """Show which version this is.

    Example: manyclaw version
    """
    from importlib.metadata import version as installed

    number = installed("manyclaw")
    session(ctx).show({"version": number}, lambda: typer.echo(f"manyclaw {number}"))


def main() -> None:
    """The entry point of the ``manyclaw`` command."""
    app()


if __name__ == "__main__":
    main()
