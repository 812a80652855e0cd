"""``manyclaw skills``."""

from __future__ import annotations

import json
import secrets
import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.arguments import TenantArgument, YesOption, confirm, read_secret
from cli.context import print_facts, print_table, session
from cli.root import noun
from manyclaw.errors import BadInput, PermanentError

app = noun("Install, list, try and remove a tenant's skills.")

SkillArgument = Annotated[str, typer.Argument(metavar="SKILL", help="The skill's name.")]


@app.command("list")
def list_(ctx: typer.Context, tenant: TenantArgument) -> None:
    """List a tenant's skills with their tools, and which of these the bot may call.

    Example: manyclaw skills list customer-acme
    """
    from manyclaw.skills import load_index
    from manyclaw.tenancy import parse_overlay, read_overlay

    run = session(ctx)
    scope = run.operator.scope(tenant)
    stored = read_overlay(scope)
    allowed = parse_overlay(stored.data).allowed_tools if stored else ()
    skills = load_index(scope).skills
    data = [{**asdict(each), "allowed": [tool.name for tool in each.tools if tool.name in allowed]} for each in skills]

    def render() -> None:
        rows = [
            (
                each.name,
                each.version,
                ", ".join(tool.name + ("" if tool.name in allowed else " (not allowed)") for tool in each.tools),
                ", ".join(each.secrets),
            )
            for each in skills
        ]
        print_table(("skill", "version", "tools", "secrets"), rows, empty=f"Tenant {scope.tenant} has no skills.")

    run.show(data, render)


@app.command()
def install(
    ctx: typer.Context,
    tenant: TenantArgument,
    path: Annotated[Path, typer.Argument(metavar="PATH", help="The skill's folder, with its SKILL.md.")],
) -> None:
    """Check a skill's folder and give it to a tenant, in the place of an earlier version. Nothing of it is run here.

    Example: manyclaw skills install customer-acme examples/skills/restaurant-bookings
    """
    from manyclaw.agent import tool_names
    from manyclaw.skills import install as install_skill
    from manyclaw.skills import read_folder

    run = session(ctx)
    bundle = read_folder(path)
    scope = run.operator.scope(tenant)
    done = install_skill(scope, bundle, tool_names())
    tools = ", ".join(tool.name for tool in done.tools)

    def render() -> None:
        typer.echo(f"Tenant {scope.tenant} has the skill {done.name}, version {done.version}.")
        if tools:
            typer.echo(f"Its tools: {tools}. The bot may call those that allowed_tools in config.yaml names.")
        if done.secrets:
            typer.echo(
                f"It wants secrets ({', '.join(done.secrets)}): manyclaw skills secret {scope.tenant} {done.name}"
            )

    run.show(asdict(done), render)


@app.command()
def check(
    ctx: typer.Context, path: Annotated[Path, typer.Argument(metavar="PATH", help="The skill's folder.")]
) -> None:
    """Check a skill's folder without a deployment, and show what the model will be offered.

    Example: manyclaw skills check examples/skills/translate
    """
    from manyclaw.skills import read_folder

    run = session(ctx)
    bundle = read_folder(path)
    tools = [{"name": each.name, "description": each.description, "input_schema": each.schema} for each in bundle.tools]
    data = {"name": bundle.document.front.name, "version": bundle.version, "tools": tools}

    def render() -> None:
        typer.echo(f"{path} is valid: {data['name']}, {len(tools)} tools.")
        for tool in tools:
            typer.echo(f"\n{tool['name']}: {tool['description']}\n{json.dumps(tool['input_schema'], indent=2)}")

    run.show(data, render)


@app.command()
def remove(ctx: typer.Context, tenant: TenantArgument, skill: SkillArgument, yes: YesOption = False) -> None:
    """Take a skill from a tenant, with its secrets and what its tools have stored.

    Example: manyclaw skills remove customer-acme restaurant-bookings
    """
    from manyclaw.skills import remove as remove_skill

    run = session(ctx)
    scope = run.operator.scope(tenant)
    if not yes:
        confirm(f"Remove the skill {skill} of tenant {scope.tenant} with all that its tools have stored?")
    gone = remove_skill(scope, skill)
    run.done(f"Tenant {scope.tenant} no longer has the skill {gone.name}.", tenant=scope.tenant, skill=gone.name)


@app.command()
def secret(
    ctx: typer.Context,
    tenant: TenantArgument,
    skill: SkillArgument,
    name: Annotated[str, typer.Argument(metavar="NAME", help="One of those that SKILL.md names.")],
    value: Annotated[str, typer.Option(help="The secret; - or nothing asks for it, unseen.")] = "",
) -> None:
    """Store a secret that a skill's tools are given.

    Example: manyclaw skills secret customer-acme weather WEATHER_KEY --value -
    """
    from manyclaw.skills import set_secret

    run = session(ctx)
    scope = run.operator.scope(tenant)
    set_secret(scope, skill, name, read_secret(value, f"{name} of {skill}"))
    run.done(f"The skill {skill} of {scope.tenant} has its {name}.", tenant=scope.tenant, skill=skill, secret=name)


@app.command("test")
def try_out(
    ctx: typer.Context,
    tenant: TenantArgument,
    skill: SkillArgument,
    tool: Annotated[str, typer.Argument(metavar="TOOL", help="One of its tools.")],
    args: Annotated[str, typer.Option(help="The arguments, a JSON object.")] = "{}",
    keep: Annotated[bool, typer.Option("--keep", help="Keep what the tool stores, as a call of the bot does.")] = False,
) -> None:
    """Run one tool as the bot would, in the tenant's own environment, and show its result and what it printed.

    Example: manyclaw skills test customer-acme restaurant-bookings search_venues --args '{"cuisine": "fish"}'
    """
    from manyclaw.audit import record
    from manyclaw.skills import Caller, load_index
    from manyclaw.skills import find as find_skill

    run = session(ctx)
    stage, scope = run.operator.stage, run.operator.scope(tenant)
    found = find_skill(scope, load_index(scope), skill)
    record(scope.audit, "skill.test", on=f"skill:{found.name}", tool=tool, keep=keep)
    caller = Caller(stage.clients, stage.settings, time.sleep)
    answer = caller.call(scope, found, tool, _object(args), f"test {secrets.token_hex(8)}", keep=keep)
    if answer.error:
        if answer.log:
            typer.echo(answer.log.rstrip(), err=True)
        raise PermanentError(answer.error)

    def render() -> None:
        typer.echo(answer.text)
        if answer.log:
            typer.echo(f"\nprinted:\n{answer.log.rstrip()}", err=True)
        print_facts([("took", f"{answer.milliseconds} ms"), ("kept", "yes" if keep else "no")])

    run.show(asdict(answer), render)


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise BadInput(f"--args is not JSON: {error}.") from None
    if not isinstance(value, dict):
        raise BadInput("--args must be a JSON object.", hint='Such as {"guests": 4}.')
    return value
