"""``manyclaw memory``."""

from __future__ import annotations

import time
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.arguments import TenantOption, YesOption, confirm
from cli.context import Operator, print_facts, print_table, session
from cli.root import noun
from manyclaw.errors import BadInput, Unavailable

if TYPE_CHECKING:
    from manyclaw.memory import ForgetReport, MemoryRow, Passage, Subject
    from manyclaw.tenancy import TenantScope

app = noun("Search, count, rebuild and forget what bots remember.")

UserOption = Annotated[int, typer.Option("--user", "-u", help="An end user, by Telegram id.")]
GroupOption = Annotated[int, typer.Option("--group", "-g", help="A group, by chat id (negative).")]

_POLL_SECONDS = 0.3
_PATIENCE_SECONDS = 900.0


@app.command()
def search(
    ctx: typer.Context,
    tenant: TenantOption,
    query: Annotated[str, typer.Argument(help="What to look for.")],
    user: UserOption = 0,
    group: GroupOption = 0,
    limit: Annotated[int, typer.Option(min=1, max=50, help="How many passages at most.")] = 10,
) -> None:
    """Search one end user's or one group's memory, as the bot does.

    Example: manyclaw memory search "table by the window" --tenant customer-acme --user 4711
    """
    from manyclaw.memory import recall

    run = session(ctx)
    stage = run.operator.stage
    scope = run.operator.scope(tenant)
    found = recall(stage.clients, stage.settings, scope.tenant, _subject(user, group), query, limit, seconds=30)

    def render() -> None:
        rows = [(f"{each.score:.2f}", f"{each.turn.at:%Y-%m-%d %H:%M}", _text(each)) for each in found]
        print_table(("score", "when (UTC)", "what"), rows, empty="Nothing was found.")

    run.show([each.to_wire() for each in found], render)


def _text(passage: Passage) -> str:
    turn = passage.turn
    answer = f"\nbot: {turn.answered[:200]}" if turn.answered else ""
    return f"{turn.speaker}: {turn.said[:300]}{answer}"


@app.command()
def stats(ctx: typer.Context, tenant: TenantOption) -> None:
    """Show how much is remembered of each end user and group, and how large it is in the bucket.

    Example: manyclaw memory stats --tenant customer-acme
    """
    from manyclaw.memory import list_memory_rows

    run = session(ctx)
    scope = run.operator.scope(tenant)
    found = [_stats(scope, row) for row in list_memory_rows(scope)]

    def render() -> None:
        rows = [tuple(each.values()) for each in found]
        columns = ("whose", "turns", "facts", "unoptimized", "bytes", "old bytes")
        print_table(columns, rows, empty=f"Tenant {scope.tenant} remembers nothing yet.")

    run.show(found, render)


def _stats(scope: TenantScope, row: MemoryRow) -> dict[str, object]:
    from manyclaw.memory import stored_bytes

    size = stored_bytes(scope, row.subject)
    return {
        "subject": row.subject,
        "turns": row.turns,
        "facts": len(row.facts),
        "unoptimized": row.unoptimized,
        "bytes": size.current,
        "old_bytes": size.old,
    }


@app.command()
def rebuild(ctx: typer.Context, tenant: TenantOption, user: UserOption = 0, group: GroupOption = 0) -> None:
    """Make the memory anew from the transcripts: of one end user or group, or of all. Searches go on meanwhile.

    Example: manyclaw memory rebuild --tenant customer-acme
    """
    from manyclaw.audit import record
    from manyclaw.memory import subjects_in_transcripts

    run = session(ctx)
    scope = run.operator.scope(tenant)
    wanted = [_subject(user, group)] if user or group else subjects_in_transcripts(scope)
    for whose in wanted:
        record(scope.audit, "memory.rebuild", on=f"subject:{whose}")
    rebuilt = _rebuild(run.operator, scope, wanted, quiet=run.json)
    turns = sum(row.turns for row in rebuilt)
    run.done(
        f"Rebuilt {len(rebuilt)} memories with {turns} turns.",
        tenant=scope.tenant,
        rebuilt=[{"subject": row.subject, "turns": row.turns} for row in rebuilt],
    )


def _rebuild(operator: Operator, scope: TenantScope, wanted: list[Subject], *, quiet: bool) -> list[MemoryRow]:
    """Order the rebuilds, all at once, and wait until each memory's generation is another one."""
    from manyclaw.memory import Job, load_memory_row, send_job

    stage = operator.stage
    before = {whose: load_memory_row(scope, whose).generation for whose in wanted}
    for whose in wanted:
        once = f"rebuild/{whose}/{time.time_ns()}"
        send_job(stage.clients, stage.settings, Job("rebuild", scope.tenant, whose), once)
    done: list[MemoryRow] = []
    deadline = time.monotonic() + _PATIENCE_SECONDS
    with _progress(len(wanted), quiet) as advance:
        while before:
            for whose, generation in list(before.items()):
                row = load_memory_row(scope, whose)
                if row.generation != generation:
                    del before[whose]
                    done.append(row)
                    advance()
            if before and time.monotonic() > deadline:
                raise Unavailable(
                    f"{len(before)} of {len(wanted)} memories are not rebuilt yet; they are still in the queue.",
                    hint="Look at the log of the memory function.",
                )
            if before:
                time.sleep(_POLL_SECONDS)
    return done


class _progress:  # noqa: N801 -- used like a function
    """A progress bar on standard error, if that is a terminal; calls advance it."""

    def __init__(self, total: int, quiet: bool) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self._bar = Progress(
            TextColumn("Rebuilding"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            disable=quiet,
        )
        self._task = self._bar.add_task("rebuild", total=total)

    def __enter__(self) -> Any:
        self._bar.start()
        return lambda: self._bar.advance(self._task)

    def __exit__(self, *_: object) -> None:
        self._bar.stop()


@app.command()
def forget(
    ctx: typer.Context,
    tenant: TenantOption,
    user: UserOption = 0,
    group: GroupOption = 0,
    yes: YesOption = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would be removed.")] = False,
) -> None:
    """Remove all that was said in an end user's private chat, or in a group: memory, facts, transcripts and media.

    Example: manyclaw memory forget --tenant customer-acme --user 4711

    Old versions go too. What the person said in groups belongs to those groups; remove it with --group. The ledger
    stays: it holds no texts.
    """
    from manyclaw.memory import forget as forget_subject

    run = session(ctx)
    whose = _subject(user, group)
    scope = run.operator.scope(tenant)
    if not (yes or dry_run):
        confirm(f"Remove all that {'user' if user else 'group'} {user or group} of {scope.tenant} has ever said?")
    report = forget_subject(scope, whose, datetime.now(UTC), dry_run=dry_run)
    run.show(asdict(report), lambda: _print_report(report))


def _print_report(report: ForgetReport) -> None:
    typer.echo("Would be removed:" if report.dry_run else "Removed:")
    print_facts(
        [
            ("remembered turns", report.remembered_turns),
            ("saved facts", report.facts),
            ("memory file versions", report.memory_files),
            ("media file versions", report.media_files),
            ("messages", f"{report.messages} in {report.conversations} conversations"),
            ("turn records", f"{report.turns}, of which only the texts go"),
        ]
    )


def _subject(user: int, group: int) -> Subject:
    from manyclaw.memory import subject_of

    if bool(user) == bool(group):
        raise BadInput("Name one of --user and --group.")
    return subject_of(user or group, private=bool(user))
