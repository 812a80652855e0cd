"""``manyclaw cron``."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from cli.arguments import TenantArgument, YesOption, confirm
from cli.context import print_facts, print_table, session
from cli.root import noun
from manyclaw.errors import BadInput

if TYPE_CHECKING:
    from manyclaw.schedules import Job, JobBook

app = noun("Each tenant's jobs: what the agent does by itself, and when.")

JobArgument = Annotated[str, typer.Argument(metavar="JOB", help="The job's name.")]
_Prompt = Annotated[str | None, typer.Option(help="What the agent is asked, or the text that is sent.")]
_When = Annotated[
    str | None,
    typer.Option(help="cron(0 16 ? * FRI *), rate(30 minutes) or at(2026-12-24T18:00); cron has six fields."),
]
_Zone = Annotated[str | None, typer.Option(help="The IANA time zone of cron and at.")]
_Chats = Annotated[str | None, typer.Option(help="subscribed, active, or chat numbers with commas.")]
_Kind = Annotated[str | None, typer.Option(help="prompt, text or tool; with --tool it is tool.")]
_Tool = Annotated[str | None, typer.Option(help="Send this tool's result; one of allowed_tools, or memory_tidy.")]
_Arguments = Annotated[str | None, typer.Option("--args", metavar="JSON", help="What the tool is called with.")]
_BudgetRun = Annotated[str | None, typer.Option(help="USD a run may cost.")]
_BudgetDay = Annotated[str | None, typer.Option(help="USD all runs of a UTC day may cost.")]
_Overlap = Annotated[str | None, typer.Option(help="skip or queue, when the run before is still at work.")]
_Late = Annotated[int | None, typer.Option(help="How many minutes late a run may begin; 0 skips a missed one.")]
_Conversation = Annotated[str | None, typer.Option(help="shared with the chat, or the job's own.")]
_Quiet = Annotated[bool | None, typer.Option("--quiet/--no-quiet", help="Do the work without sending the answer.")]
_PauseAfter = Annotated[int | None, typer.Option(help="Failures in a row after which it pauses, 1 to 100.")]


def book_of(ctx: typer.Context, tenant: str) -> JobBook:
    """A tenant's jobs, with the tools that they may call and its time zone. Raises ``NotFound``."""
    from manyclaw.agent import job_tool_names
    from manyclaw.schedules import JobBook
    from manyclaw.tenancy import load_overlay

    operator = session(ctx).operator
    scope = operator.scope(tenant)
    overlay = load_overlay(scope, operator.gateway, operator.tools_of(scope)).overlay
    return JobBook(scope, tools=job_tool_names() | set(overlay.allowed_tools), zone=overlay.time_zone)


def _values(**given: Any) -> dict[str, Any]:
    """The options that were given, as the job's values."""
    import json

    values = {name: value for name, value in given.items() if value is not None}
    if "tool" in values:
        values.setdefault("kind", "tool")
    chats = values.get("chats")
    if chats and chats not in ("subscribed", "active"):
        values["chats"] = [each.strip() for each in chats.split(",") if each.strip()]
    if "arguments" in values:
        try:
            values["arguments"] = json.loads(values["arguments"])
        except ValueError as error:
            raise BadInput(f"The arguments are no JSON: {error}.") from None
    return values


def facts_of(job: Job) -> dict[str, Any]:
    """A job as programs get it."""
    state = {name: value for name, value in asdict(job).items() if name not in ("spec", "stored")}
    next_times = job.next_times(datetime.now(UTC), 1) if job.spec.enabled else []
    following = next_times[0].isoformat() if next_times else None
    return {**state, **job.spec.model_dump(), "preset_untouched": not job.stored, "next": following}


@app.command("list")
def list_(
    ctx: typer.Context,
    tenant: TenantArgument,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many at most.")] = 100,
    cursor: Annotated[str, typer.Option(help="Continue after this job.")] = "",
) -> None:
    """List a tenant's jobs with their next and last runs.

    Example: manyclaw cron list customer-acme
    """
    from manyclaw.schedules import last_runs

    run = session(ctx)
    book = book_of(ctx, tenant)
    jobs, following = book.page(limit, cursor)
    last = last_runs(book.scope, [job.job for job in jobs])

    def render() -> None:
        rows = []
        for job in jobs:
            facts, before = facts_of(job), last.get(job.job)
            state = "on" if job.spec.enabled else f"paused: {job.paused}" if job.paused else "off"
            was = f"{before.outcome} {before.due}" if before else ""
            rows.append((job.job, state, job.spec.when, job.spec.zone, facts["next"] or "", was))
        print_table(("job", "state", "when", "zone", "next", "last run"), rows, empty="There are no jobs.")
        if following:
            typer.echo(f"More follow: manyclaw cron list {book.scope.tenant} --cursor {following}")

    data = [{**facts_of(job), "last_run": last.get(job.job)} for job in jobs]
    run.show({"tenant": book.scope.tenant, "jobs": data, "cursor": following}, render)


@app.command()
def show(ctx: typer.Context, tenant: TenantArgument, job: JobArgument) -> None:
    """Show one job.

    Example: manyclaw cron show customer-acme friday-digest
    """
    facts = facts_of(book_of(ctx, tenant).get(job))
    session(ctx).show(facts, lambda: print_facts(facts.items()))


@app.command()
def add(
    ctx: typer.Context,
    tenant: TenantArgument,
    job: JobArgument,
    when: _When,
    prompt: _Prompt = None,
    zone: _Zone = None,
    chats: _Chats = None,
    kind: _Kind = None,
    tool: _Tool = None,
    arguments: _Arguments = None,
    budget_run: _BudgetRun = None,
    budget_day: _BudgetDay = None,
    overlap: _Overlap = None,
    late_minutes: _Late = None,
    conversation: _Conversation = None,
    quiet: _Quiet = None,
    pause_after: _PauseAfter = None,
    off: Annotated[bool, typer.Option("--off", help="Make it, but do not switch it on.")] = False,
) -> None:
    """Make a job: a question to the agent, or with --tool a tool whose result is sent.

    Example: manyclaw cron add customer-acme menu --when "cron(0 9 ? * MON-FRI *)" --prompt "Tell today's menu"
    """
    values = _values(
        when=when,
        prompt=prompt,
        zone=zone,
        chats=chats,
        kind=kind,
        tool=tool,
        arguments=arguments,
        budget_run_usd=budget_run,
        budget_day_usd=budget_day,
        overlap=overlap,
        late_minutes=late_minutes,
        conversation=conversation,
        quiet=quiet,
        pause_after=pause_after,
        enabled=False if off else None,
    )
    made = book_of(ctx, tenant).add(job, values)
    session(ctx).done(
        f"Job {made.job} of {tenant} is there. Next: {facts_of(made)['next'] or 'never'}.", **facts_of(made)
    )


@app.command()
def edit(
    ctx: typer.Context,
    tenant: TenantArgument,
    job: JobArgument,
    when: _When = None,
    prompt: _Prompt = None,
    zone: _Zone = None,
    chats: _Chats = None,
    tool: _Tool = None,
    arguments: _Arguments = None,
    budget_run: _BudgetRun = None,
    budget_day: _BudgetDay = None,
    overlap: _Overlap = None,
    late_minutes: _Late = None,
    conversation: _Conversation = None,
    quiet: _Quiet = None,
    pause_after: _PauseAfter = None,
) -> None:
    """Change a job or a preset; what is not named stays.

    Example: manyclaw cron edit customer-acme friday-digest --when "cron(0 15 ? * FRI *)" --zone Europe/Berlin
    """
    values = _values(
        when=when,
        prompt=prompt,
        zone=zone,
        chats=chats,
        tool=tool,
        arguments=arguments,
        budget_run_usd=budget_run,
        budget_day_usd=budget_day,
        overlap=overlap,
        late_minutes=late_minutes,
        conversation=conversation,
        quiet=quiet,
        pause_after=pause_after,
    )
    changed = book_of(ctx, tenant).edit(job, values)
    session(ctx).done(f"Job {changed.job} of {tenant} is changed.", **facts_of(changed))


@app.command()
def enable(ctx: typer.Context, tenant: TenantArgument, job: JobArgument) -> None:
    """Switch a job on; a paused one begins anew.

    Example: manyclaw cron enable customer-acme friday-digest
    """
    changed = book_of(ctx, tenant).enable(job)
    following = facts_of(changed)["next"] or "never"
    session(ctx).done(f"Job {changed.job} of {tenant} is on. Next: {following}.", **facts_of(changed))


@app.command()
def disable(ctx: typer.Context, tenant: TenantArgument, job: JobArgument) -> None:
    """Switch a job off.

    Example: manyclaw cron disable customer-acme friday-digest
    """
    changed = book_of(ctx, tenant).disable(job)
    session(ctx).done(f"Job {changed.job} of {tenant} is off.", **facts_of(changed))


@app.command()
def remove(ctx: typer.Context, tenant: TenantArgument, job: JobArgument, yes: YesOption = False) -> None:
    """Delete a job; a preset becomes again as it was. Its runs stay in the ledger.

    Example: manyclaw cron remove customer-acme menu
    """
    book = book_of(ctx, tenant)
    book.get(job)
    if not yes:
        confirm(f"Delete the job {job} of tenant {tenant}?")
    book.remove(job)
    session(ctx).done(f"Job {job} of {tenant} is deleted.", tenant=tenant, job=job)


@app.command()
def run(ctx: typer.Context, tenant: TenantArgument, job: JobArgument) -> None:
    """Run a job now, also one that is switched off.

    Example: manyclaw cron run customer-acme friday-digest
    """
    from manyclaw.audit import record
    from manyclaw.schedules import run_now

    book = book_of(ctx, tenant)
    book.get(job)
    record(book.scope.audit, "schedule.run", on=f"job:{job}")
    stage = session(ctx).operator.stage
    due = run_now(stage.clients, stage.settings, book.scope.tenant, job)
    session(ctx).done(f"Run {due} of {job} is on its way: manyclaw cron runs {tenant} {job}", tenant=tenant, due=due)


@app.command()
def runs(
    ctx: typer.Context,
    tenant: TenantArgument,
    job: JobArgument,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many at most.")] = 20,
    cursor: Annotated[str, typer.Option(help="Continue with runs before this one.")] = "",
) -> None:
    """List a job's runs, newest first: when, what became of it, and what it cost.

    Example: manyclaw cron runs customer-acme friday-digest
    """
    from manyclaw.schedules import job_id, page_of_runs

    scope = session(ctx).operator.scope(tenant)
    found, following = page_of_runs(scope, job_id(job), limit, cursor)

    def render() -> None:
        rows = [
            (each.due, each.outcome, f"{each.parts}/{len(each.chats)}", each.tokens, each.cost_usd, each.reason)
            for each in found
        ]
        print_table(("due", "outcome", "chats", "tokens", "USD", "reason"), rows, empty="It has never run.")
        if following:
            typer.echo(f"More follow: manyclaw cron runs {scope.tenant} {job} --cursor {following}")

    session(ctx).show({"tenant": scope.tenant, "job": job, "runs": found, "cursor": following}, render)


@app.command()
def preview(
    ctx: typer.Context,
    tenant: TenantArgument,
    job: JobArgument,
    count: Annotated[int, typer.Option(min=1, max=50, help="How many times.")] = 5,
) -> None:
    """Show when a job is due next, and what a run costs by its last runs.

    Example: manyclaw cron preview customer-acme friday-digest
    """
    from manyclaw.schedules import page_of_runs

    book = book_of(ctx, tenant)
    found = book.get(job)
    times = found.next_times(datetime.now(UTC), count)
    last = [each for each in page_of_runs(book.scope, job)[0] if each.outcome == "done"]
    average = sum((each.cost_usd for each in last), Decimal(0)) / len(last) if last else None
    local = [each.astimezone(ZoneInfo(found.spec.zone)) for each in times]

    def render() -> None:
        for each in local:
            typer.echo(f"{each:%a %Y-%m-%d %H:%M %Z}")
        if not found.spec.enabled:
            typer.echo("It is switched off.")
        typer.echo("It has never run." if average is None else f"A run costs {average:.6f} USD ({len(last)} runs).")

    data = {"times": [each.isoformat() for each in local], "run_costs_usd": average, "runs": len(last)}
    session(ctx).show({"tenant": tenant, "job": job, "enabled": found.spec.enabled, **data}, render)
