"""The run ledger: what became of each due time of each job.

``{tenant}#RUNS`` holds ``RUN#{job}#{due}``, claimed by a conditional put, so that one due time is one run however often
it is delivered; beside it ``PART#{job}#{due}#{conversation}`` for each chat, and ``SPENT#{job}#{day}`` with what the
job cost on a UTC day. A part, the run's sums and the day's are written in one transaction, so they always agree.
``DELIVERIES##{day}`` counts the chats of a day's runs with their claims; ``HAND#{job}#`` is the last run by hand. None
of them holds a word that was said; they expire after half a year and go with their tenant.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from manyclaw.aws import TransactionRefused, conditionally, from_item, to_item, transact
from manyclaw.billing import TurnUsage
from manyclaw.errors import BadInput, Conflict
from manyclaw.schedules.model import REMINDER_PREFIX
from manyclaw.tenancy import Key, TenantScope, utc_now

PART = "RUNS"
KEEP = timedelta(days=180)
_AT_ONCE = 8
_DUE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)

DONE, FAILED, SKIPPED, RUNNING = "done", "failed", "skipped", "running"


MOST_DELIVERIES = 20_000
"""Chats that all runs of a tenant's jobs may go to on one UTC day, each time counted; reminders are not."""

BY_HAND_SECONDS = 60
"""Between two runs of a job by hand."""


class DayIsFull(Conflict):
    """The tenant's jobs have gone to as many chats today as they may."""


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
    """Begin the run of a due time; False when it was begun, or written off, before.

    Raises
    ------
    DayIsFull
        It would take the tenant past :data:`MOST_DELIVERIES` on this UTC day.
    """
    values = {"outcome": RUNNING, "chats": list(chats), "by_hand": by_hand}
    if job.startswith(REMINDER_PREFIX):
        return _insert(scope, job, due, values)
    count = {
        "TableName": scope.table,
        "Key": ledger_key(scope, "DELIVERIES", "", str(datetime.now(UTC).date())).wire(),
        "UpdateExpression": "SET expires_at = :expiry ADD deliveries :count",
        "ConditionExpression": "attribute_not_exists(deliveries) OR deliveries <= :room",
        "ExpressionAttributeValues": to_item(
            {":expiry": expiry(), ":count": len(chats), ":room": MOST_DELIVERIES - len(chats)}
        ),
    }
    try:
        transact(scope.clients.dynamodb, [{"Put": _claim(scope, job, due, values)}, {"Update": count}])
    except TransactionRefused as refused:
        if 0 in refused.failed:
            return False
        raise DayIsFull(f"the tenant's jobs may go to chats {MOST_DELIVERIES} times a day") from None
    return True


def claim_by_hand(scope: TenantScope, job: str) -> None:
    """Take this minute's run of a job by hand. Raises ``Conflict`` when it is taken."""
    now = datetime.now(UTC)
    row = {**ledger_key(scope, "HAND", job, "").__dict__, "at": int(now.timestamp()), "expires_at": expiry()}
    taken = conditionally(
        scope.clients.dynamodb.put_item,
        TableName=scope.table,
        Item=to_item(row),
        ConditionExpression="attribute_not_exists(sk) OR #at <= :before",
        ExpressionAttributeNames={"#at": "at"},
        ExpressionAttributeValues=to_item({":before": row["at"] - BY_HAND_SECONDS}),
    )
    if taken is None:
        raise Conflict(f"{job} was run by hand less than a minute ago.", hint="Wait a minute; see its runs.")


def skip_run(scope: TenantScope, job: str, due: str, reason: str, *, by_hand: bool = False) -> bool:
    """Write down that a due time is not run, and why; False when it was begun, or written off, before."""
    values = {"outcome": SKIPPED, "reason": reason, "finished_at": utc_now(), "by_hand": by_hand}
    return _insert(scope, job, due, values)


def _insert(scope: TenantScope, job: str, due: str, values: dict[str, Any]) -> bool:
    return conditionally(scope.clients.dynamodb.put_item, **_claim(scope, job, due, values)) is not None


def _claim(scope: TenantScope, job: str, due: str, values: dict[str, Any]) -> dict[str, Any]:
    """The write of a run that is not there."""
    row = {
        **run_key(scope, job, due).__dict__,
        "job": job,
        "due": due,
        "started_at": utc_now(),
        "expires_at": expiry(),
        **values,
    }
    return {"TableName": scope.table, "Item": to_item(row), "ConditionExpression": "attribute_not_exists(sk)"}


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
    """A job's runs, newest first, and the cursor of older ones (a due time). ``before`` leaves out later due times.

    Raises ``BadInput`` for a cursor that is no due time.
    """
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
        if not _DUE.fullmatch(cursor):
            raise BadInput(f"{cursor[:32]!r} is no cursor.", hint="Give the one that came with the page before.")
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
