"""``manyclaw audit``."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from cli.context import Session, print_table, session
from cli.root import noun
from manyclaw.errors import BadInput

if TYPE_CHECKING:
    from manyclaw.audit import Inbox, Verdict

app = noun("Read, export and verify the audit logs: each tenant's, and the operator's own.")

TenantOrNone = Annotated[str, typer.Argument(metavar="[TENANT]", help="The tenant's id, of a deleted one too.")]
OwnLog = Annotated[bool, typer.Option("--operator", help="The operator's own log, of what belongs to no tenant.")]

COLUMNS = ("seq", "at", "actor", "actor_id", "action", "on", "outcome", "via", "ip", "details", "id", "of", "prev")
_TOLD_EVERY = 1_000


class Format(StrEnum):
    """How a log is written to a file."""

    jsonl = "jsonl"
    csv = "csv"


def _log(run: Session, tenant: str, operator: bool) -> Inbox:
    """The log that is meant. A tenant need not be in the registry any more: its log outlives it."""
    if bool(tenant) == operator:
        raise BadInput("Whose log?", hint="Name a tenant, or say --operator.")
    return run.operator.scopes.open(tenant).audit if tenant else run.operator.table.audit()


def _must_be_somebodys(run: Session, tenant: str, entries: int) -> None:
    """A log without entries: of a tenant that there is, or a slip of the pen. Raises ``NotFound``."""
    if tenant and not entries:
        run.operator.registry.get(tenant)


@app.command()
def show(
    ctx: typer.Context,
    tenant: TenantOrNone = "",
    operator: OwnLog = False,
    action: Annotated[str, typer.Option(help="An action, or a prefix with its dot: token.")] = "",
    actor: Annotated[str, typer.Option(help="A kind, such as operator, or an id, such as telegram:4711.")] = "",
    outcome: Annotated[str, typer.Option(help="ok, begun, failed, refused or unknown.")] = "",
    first: Annotated[str, typer.Option("--from", help="First day or time, UTC.")] = "",
    last: Annotated[str, typer.Option("--to", help="Last day or time, UTC.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many at most.")] = 50,
    cursor: Annotated[str, typer.Option(help="Continue before this entry.")] = "",
) -> None:
    """Show a log's entries, newest first.

    Example: manyclaw audit show customer-acme --action token. --from 2026-11-01
    """
    from manyclaw.audit import Filter, page

    run = session(ctx)
    log = _log(run, tenant, operator)
    found = page(log, Filter(action, actor, outcome, first, last), limit, cursor)
    if not found.entries:
        _must_be_somebodys(run, tenant, 0)

    def render() -> None:
        rows = [
            (
                str(each.get("seq", "")),
                str(each.get("at", ""))[:19],
                " ".join(filter(None, (str(each.get("actor", "")), str(each.get("actor_id", ""))))),
                each.get("action", ""),
                each.get("on", ""),
                each.get("outcome", ""),
                " ".join(filter(None, (str(each.get("via", "")), str(each.get("ip", ""))))),
                ", ".join(f"{name}={_flat(value)}" for name, value in (each.get("details") or {}).items()),
            )
            for each in found.entries
        ]
        columns = ("no.", "when", "who", "what", "on what", "outcome", "from", "details")
        print_table(columns, rows, empty="No entry.")
        if found.cursor:
            typer.echo(f"Older ones: --cursor {found.cursor}")

    run.show({"log": log.owner, "entries": found.entries, "cursor": found.cursor}, render)


def _flat(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


@app.command()
def export(
    ctx: typer.Context,
    tenant: TenantOrNone = "",
    operator: OwnLog = False,
    file: Annotated[str, typer.Option("--file", "-f", help="Where to; - writes standard output.")] = "-",
    format_: Annotated[Format, typer.Option("--format", help="jsonl keeps every byte that is hashed; csv.")] = (
        Format.jsonl
    ),
) -> None:
    """Write a whole log to a file, oldest entry first. The export is an entry of the log, too.

    Example: manyclaw audit export customer-acme --file acme-audit.jsonl

    In JSON lines each line's SHA-256 is the prev of the line after it; docs/audit.md shows how to check that by hand.
    """
    from manyclaw.audit import read_head, record, texts

    run = session(ctx)
    log = _log(run, tenant, operator)
    head = read_head(log)
    _must_be_somebodys(run, tenant, head.seq)
    record(log, "export.audit", on=f"log:{log.owner}", format=format_.value)
    with _opened(file) as out, _progress(head.seq, "exported", quiet=file == "-") as advance:
        count = _write(out, texts(log), format_, advance)
    if file != "-":
        run.done(f"{count:,} entries of {log.owner} are in {file}.", log=log.owner, entries=count, file=file)


def _write(out: TextIO, lines: Iterator[str], format_: Format, advance: Callable[[int], None]) -> int:
    count = 0
    writer = csv.writer(out)
    if format_ is Format.csv:
        writer.writerow(COLUMNS)
    for count, line in enumerate(lines, 1):
        if format_ is Format.jsonl:
            out.write(line + "\n")
        else:
            values = json.loads(line)
            values["details"] = json.dumps(values.get("details", {}), sort_keys=True)
            writer.writerow([values.get(name, "") for name in COLUMNS])
        advance(count)
    return count


@contextmanager
def _opened(file: str) -> Iterator[TextIO]:
    if file == "-":
        yield sys.stdout
        return
    with open(file, "w", encoding="ascii", newline="") as out:  # noqa: PTH123
        yield out


@contextmanager
def _progress(total: int, word: str, *, quiet: bool) -> Iterator[Callable[[int], None]]:
    """A line on stderr that says how far it is, where somebody looks at a terminal."""
    shown = not quiet and sys.stderr.isatty()

    def advance(number: int) -> None:
        if shown and (number % _TOLD_EVERY == 0 or number == total):
            typer.echo(f"\r{number:,} of {total:,} entries {word}", err=True, nl=False)

    yield advance
    if shown:
        typer.echo("", err=True)


@app.command()
def verify(
    ctx: typer.Context,
    tenant: TenantOrNone = "",
    operator: OwnLog = False,
    every: Annotated[bool, typer.Option("--all", help="Every log: all tenants', deleted ones', the operator's.")] = (
        False
    ),
) -> None:
    """Check every entry of a log in the table and in its locked copies. Exit code 1, and the first bad entry, if not.

    Example: manyclaw audit verify customer-acme

    Finds what was changed, removed, put in, put in another order or cut off. Keep the hash that it prints: a log that
    once had it at that number has it for ever.
    """
    from manyclaw.audit import OPERATOR, every_owner

    run = session(ctx)
    stage = run.operator.stage
    if every:
        owners = every_owner(stage.settings, stage.clients)
        verdicts = [_verified(run, "" if owner == OPERATOR else owner, owner == OPERATOR) for owner in owners]
    else:
        verdicts = [_verified(run, tenant, operator)]
        _must_be_somebodys(run, tenant, verdicts[0].entries)
    shown = [{**asdict(each), "intact": each.intact, "first_bad": each.first_bad} for each in verdicts]
    run.show(shown if every else shown[0], lambda: _print(verdicts))
    if not all(each.intact for each in verdicts):
        raise typer.Exit(1)


def _verified(run: Session, tenant: str, operator: bool) -> Verdict:
    from manyclaw.audit import Locked, read_head
    from manyclaw.audit import verify as verify_log

    log, stage = _log(run, tenant, operator), run.operator.stage
    with _progress(read_head(log).seq, "checked", quiet=run.json) as advance:
        return verify_log(log, Locked(stage.clients, stage.settings.audit_bucket, log.owner), advance)


def _print(verdicts: list[Verdict]) -> None:
    for each in verdicts:
        bad = each.first_bad
        word = "is intact" if each.intact else f"is NOT intact, from entry {bad.seq if bad else '?'} on"
        typer.echo(f"{each.owner}: {word}. {each.entries:,} entries, {each.locked:,} of them locked away.")
        if each.waiting:
            typer.echo(f"  {each.waiting} more wait to be sealed.")
        if each.entries:
            typer.echo(f"  entry {each.entries} has the SHA-256 {each.hash}")
        for finding in each.findings:
            typer.echo(f"  entry {finding.seq}, {finding.where}: {finding.problem}")
        if each.found > len(each.findings):
            typer.echo(f"  and {each.found - len(each.findings)} more")
