"""The run ledger: what became of each due time of each job.

``{tenant}#RUNS`` holds ``RUN#{job}#{due}``, claimed by a conditional put, so that one due time is one run however often
it is delivered; beside it ``PART#{job}#{due}#{conversation}`` for each chat, and ``SPENT#{job}#{day}`` with what the
job cost on a UTC day. A part, the run's sums and the day's are written in one transaction, so they always agree. None
of them holds a word that was said; they expire after half a year and go with their tenant.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from manyclaw.aws import conditionally, from_item, to_item
from manyclaw.billing import TurnUsage
from manyclaw.tenancy import Key, TenantScope, utc_now

PART = "RUNS"
KEEP = timedelta(days=180)
_AT_ONCE = 8

DONE, FAILED, SKIPPED, RUNNING = "done", "failed", "skipped", "running"


@dataclass(frozen=True)
class Run:
    """One due time of a job. Times are ISO 8601, UTC; ``cost_usd`` in USD.

    Attributes
    ----------
    outcome
        running, done, failed (in any chat) or skipped; ``reason`` says why.
    chats
        The conversations that it is for; ``parts`` of them are finished, ``failed`` of these without success.
    """

    job: str
    due: str
    outcome: str
    reason: str = ""
    by_hand: bool = False
    started_at: str = ""
    finished_at: str = ""
    chats: tuple[str, ...] = ()
    parts: int = 0
    failed: int = 0
    calls: int = 0
    tokens: int = 0
    cost_usd: Decimal = Decimal(0)


@dataclass(frozen=True)
class Part:
    """What a run did in one chat. ``error`` is empty for a success; ``skipped`` is neither success nor failure."""

    conversation: str
    error: str = ""
    skipped: str = ""
    message_ids: tuple[int, ...] = field(default=())
    usage: TurnUsage = field(default_factory=lambda: TurnUsage())


def due_text(moment: datetime) -> str:
    """A due time as the Scheduler writes it: whole seconds, UTC."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def run_key(scope: TenantScope, job: str, due: str) -> Key:
    """Where a due time's run is claimed."""
    return ledger_key(scope, "RUN", job, due)


def part_key(scope: TenantScope, job: str, due: str, conversation: str) -> Key:
    """Where a run's end in a chat is written."""
    return ledger_key(scope, "PART", job, f"{due}#{conversation}")


def ledger_key(scope: TenantScope, kind: str, job: str, rest: str) -> Key:
    """A row of the run ledger; ``kind`` is RUN, PART or SPENT."""
    return scope.part(PART, f"{kind}#{job}#{rest}")


def load_run(scope: TenantScope, job: str, due: str) -> Run | None:
    """One run, read consistently."""
    row = ledger_row(scope, run_key(scope, job, due))
    return run_of(row) if row else None


def claim_run(scope: TenantScope, job: str, due: str, chats: tuple[str, ...], *, by_hand: bool = False) -> bool:
    """Begin the run of a due time; False when it was begun, or written off, before."""
    return _insert(scope, job, due, {"outcome": RUNNING, "chats": list(chats), "by_hand": by_hand})


def skip_run(scope: TenantScope, job: str, due: str, reason: str, *, by_hand: bool = False) -> bool:
    """Write down that a due time is not run, and why; False when it was begun, or written off, before."""
    values = {"outcome": SKIPPED, "reason": reason, "finished_at": utc_now(), "by_hand": by_hand}
    return _insert(scope, job, due, values)


def _insert(scope: TenantScope, job: str, due: str, values: dict[str, Any]) -> bool:
    row = {
        **run_key(scope, job, due).__dict__,
        "job": job,
        "due": due,
        "started_at": utc_now(),
        "expires_at": expiry(),
        **values,
    }
    return (
        conditionally(
            scope.clients.dynamodb.put_item,
            TableName=scope.table,
            Item=to_item(row),
            ConditionExpression="attribute_not_exists(sk)",
        )
        is not None
    )


def expiry() -> int:
    """When a row of the ledger goes, for the table's time to live."""
    return int((datetime.now(UTC) + KEEP).timestamp())


def spent_today(scope: TenantScope, job: str) -> Decimal:
    """What the job has cost on this UTC day, in USD."""
    row = ledger_row(scope, ledger_key(scope, "SPENT", job, str(datetime.now(UTC).date())))
    return Decimal(row.get("cost_usd", 0)) if row else Decimal(0)


def page_of_runs(
    scope: TenantScope, job: str, limit: int = 20, cursor: str = "", *, before: str = ""
) -> tuple[list[Run], str]:
    """A job's runs, newest first, and the cursor of older ones (a due time). ``before`` leaves out later due times."""
    begin = f"RUN#{job}#"
    arguments: dict[str, Any] = {
        "TableName": scope.table,
        "KeyConditionExpression": "pk = :pk AND sk BETWEEN :first AND :last",
        "ExpressionAttributeValues": to_item(
            {":pk": scope.part(PART, "").pk, ":first": begin, ":last": f"{begin}{before or '~'}"}
        ),
        "ScanIndexForward": False,
        "ConsistentRead": True,
        "Limit": limit,
    }
    if cursor:
        arguments["ExclusiveStartKey"] = ledger_key(scope, "RUN", job, cursor).wire()
    answer = scope.clients.dynamodb.query(**arguments)
    last = answer.get("LastEvaluatedKey")
    runs = [run_of(from_item(dict(item))) for item in answer["Items"]]
    return runs, str(last["sk"]["S"]).removeprefix(begin) if last else ""


def last_runs(scope: TenantScope, jobs: Iterable[str]) -> dict[str, Run]:
    """The newest run of each of ``jobs`` that has one; one request a job, eight at once."""
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="runs") as pool:
        found = pool.map(lambda job: page_of_runs(scope, job, 1)[0], jobs)
        return {run.job: run for runs in found for run in runs}


def parts_of(scope: TenantScope, job: str, due: str, limit: int = 100) -> list[Part]:
    """What a run did in each chat, up to ``limit`` chats."""
    answer = scope.clients.dynamodb.query(
        TableName=scope.table,
        KeyConditionExpression="pk = :pk AND begins_with(sk, :part)",
        ExpressionAttributeValues=to_item({":pk": scope.part(PART, "").pk, ":part": f"PART#{job}#{due}#"}),
        ConsistentRead=True,
        Limit=limit,
    )
    return [_part(from_item(dict(item))) for item in answer["Items"]]


def _part(row: dict[str, Any]) -> Part:
    usage = TurnUsage(int(row["calls"]), int(row["tokens"]), Decimal(row["cost_usd"]))
    ids = tuple(int(each) for each in row["message_ids"])
    return Part(row["conversation"], row["error"], row["skipped"], ids, usage)


def ledger_row(scope: TenantScope, key: Key) -> dict[str, Any] | None:
    """One row, read consistently."""
    answer = scope.clients.dynamodb.get_item(TableName=scope.table, Key=key.wire(), ConsistentRead=True)
    return from_item(dict(answer["Item"])) if "Item" in answer else None


def run_of(row: dict[str, Any]) -> Run:
    """From a row of the table."""
    return Run(
        job=row["job"],
        due=row["due"],
        outcome=row["outcome"],
        reason=str(row.get("reason", "")),
        by_hand=bool(row.get("by_hand")),
        started_at=row["started_at"],
        finished_at=str(row.get("finished_at", "")),
        chats=tuple(row.get("chats", ())),
        parts=int(row.get("parts", 0)),
        failed=int(row.get("failed", 0)),
        calls=int(row.get("calls", 0)),
        tokens=int(row.get("tokens", 0)),
        cost_usd=Decimal(row.get("cost_usd", 0)),
    )
