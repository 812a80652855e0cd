"""The run ledger: what became of each due time of each job.

``{tenant}#RUNS`` holds ``RUN#{job}#{due}``, claimed by a conditional put, so that one due time is one run however often
it is delivered; beside it ``PART#{job}#{due}#{conversation}`` for each chat, and ``SPENT#{job}#{day}`` with what the
job cost on a UTC day. A part, the run's sums and the day's are written in one transaction, so they always agree. None
of them holds a word that was said; they expire after half a year and go with their tenant.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from manyclaw.aws import TransactionRefused, conditionally, from_item, to_item, transact
from manyclaw.billing import TurnUsage
from manyclaw.schedules.store import job_key
from manyclaw.tenancy import Key, TenantScope, utc_now

PART = "RUNS"
KEEP = timedelta(days=180)

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


def _key(scope: TenantScope, kind: str, job: str, rest: str) -> Key:
    return scope.part(PART, f"{kind}#{job}#{rest}")


def load_run(scope: TenantScope, job: str, due: str) -> Run | None:
    """One run, read consistently."""
    answer = scope.clients.dynamodb.get_item(
        TableName=scope.table, Key=_key(scope, "RUN", job, due).wire(), ConsistentRead=True
    )
    return _run(from_item(dict(answer["Item"]))) if "Item" in answer else None


def claim_run(scope: TenantScope, job: str, due: str, chats: tuple[str, ...], *, by_hand: bool = False) -> bool:
    """Begin the run of a due time; False when it was begun, or written off, before."""
    return _insert(scope, job, due, {"outcome": RUNNING, "chats": list(chats), "by_hand": by_hand})


def skip_run(scope: TenantScope, job: str, due: str, reason: str, *, by_hand: bool = False) -> bool:
    """Write down that a due time is not run, and why; False when it was begun, or written off, before."""
    values = {"outcome": SKIPPED, "reason": reason, "finished_at": utc_now(), "by_hand": by_hand}
    return _insert(scope, job, due, values)


def _insert(scope: TenantScope, job: str, due: str, values: dict[str, Any]) -> bool:
    row = {
        **_key(scope, "RUN", job, due).__dict__,
        "job": job,
        "due": due,
        "started_at": utc_now(),
        "expires_at": _expiry(),
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


def _expiry() -> int:
    return int((datetime.now(UTC) + KEEP).timestamp())


def load_part(scope: TenantScope, job: str, due: str, conversation: str) -> bool:
    """Whether a run has finished in a chat."""
    key = _key(scope, "PART", job, f"{due}#{conversation}").wire()
    return "Item" in scope.clients.dynamodb.get_item(TableName=scope.table, Key=key, ConsistentRead=True)


def finish_part(scope: TenantScope, job: str, due: str, part: Part) -> None:
    """Write what a run did in one chat; a second time it does nothing."""
    usage = part.usage
    spent = {"calls": usage.calls, "tokens": usage.tokens, "cost_usd": usage.cost_usd}
    row = {
        **_key(scope, "PART", job, f"{due}#{part.conversation}").__dict__,
        "conversation": part.conversation,
        "error": part.error,
        "skipped": part.skipped,
        "message_ids": list(part.message_ids),
        "finished_at": utc_now(),
        "expires_at": _expiry(),
        **spent,
    }
    values = {"parts": 1, "failed": int(bool(part.error)), "not_run": int(bool(part.skipped)), **spent}
    reason = part.error or part.skipped
    changes = "SET reason = :reason " if reason else ""
    day = datetime.now(UTC).date()
    put = {"TableName": scope.table, "Item": to_item(row), "ConditionExpression": "attribute_not_exists(sk)"}
    run_key = _key(scope, "RUN", job, due)
    items: list[dict[str, Any]] = [
        {"Put": put},
        _add(scope, run_key, values, changes, {":reason": reason[:500]} if reason else {}),
        _add(
            scope,
            _key(scope, "SPENT", job, str(day)),
            {**spent, "runs": 1},
            "SET expires_at = :at ",
            {":at": _expiry()},
        ),
    ]
    try:
        transact(scope.clients.dynamodb, items)
    except TransactionRefused:
        return


def _add(scope: TenantScope, key: Key, added: dict[str, Any], sets: str, values: dict[str, Any]) -> dict[str, Any]:
    return {
        "Update": {
            "TableName": scope.table,
            "Key": key.wire(),
            "UpdateExpression": sets + "ADD " + ", ".join(f"#{name} :{name}" for name in added),
            "ExpressionAttributeNames": {f"#{name}": name for name in added},
            "ExpressionAttributeValues": to_item({**{f":{name}": value for name, value in added.items()}, **values}),
        }
    }


def settle_run(scope: TenantScope, job: str, due: str) -> Run | None:
    """Close the run if all its chats are finished, and count the job's failures in a row in the same transaction.

    Gives the run if it is closed now, by this call or an earlier one; None while it is at work.
    """
    row = _row(scope, _key(scope, "RUN", job, due))
    if row is None or row["outcome"] != RUNNING:
        return _run(row) if row else None
    parts, failed = int(row.get("parts", 0)), int(row.get("failed", 0))
    if parts < len(row.get("chats", ())):
        return None
    outcome = FAILED if failed else SKIPPED if int(row.get("not_run", 0)) == parts else DONE
    closing = _closing(scope, job, due, outcome, str(row.get("reason", "")))
    counting = [] if outcome == SKIPPED else [_counting(scope, job, outcome)]
    try:
        transact(scope.clients.dynamodb, [closing, *counting])
    except TransactionRefused as refused:
        if refused.failed == [1]:  # the job was deleted meanwhile: only the run is closed
            with suppress(TransactionRefused):
                transact(scope.clients.dynamodb, [closing])
    return load_run(scope, job, due)


def abandon_run(scope: TenantScope, job: str, due: str, reason: str) -> None:
    """Close a run whose processes died again and again, so that it stands in no later run's way."""
    try:
        transact(scope.clients.dynamodb, [_closing(scope, job, due, FAILED, reason), _counting(scope, job, FAILED)])
    except TransactionRefused:
        return


def _closing(scope: TenantScope, job: str, due: str, outcome: str, reason: str) -> dict[str, Any]:
    values = {":outcome": outcome, ":running": RUNNING, ":now": utc_now(), ":reason": reason}
    return {
        "Update": {
            "TableName": scope.table,
            "Key": _key(scope, "RUN", job, due).wire(),
            "UpdateExpression": "SET #outcome = :outcome, finished_at = :now, reason = :reason",
            "ConditionExpression": "#outcome = :running",
            "ExpressionAttributeNames": {"#outcome": "outcome"},
            "ExpressionAttributeValues": to_item(values),
        }
    }


def _counting(scope: TenantScope, job: str, outcome: str) -> dict[str, Any]:
    change = "SET failures = failures + :one" if outcome == FAILED else "SET failures = :none"
    return {
        "Update": {
            "TableName": scope.table,
            "Key": job_key(scope, job).wire(),
            "UpdateExpression": change,
            "ConditionExpression": "attribute_exists(sk)",
            "ExpressionAttributeValues": to_item({":one": 1} if outcome == FAILED else {":none": 0}),
        }
    }


def spent_today(scope: TenantScope, job: str) -> Decimal:
    """What the job has cost on this UTC day, in USD."""
    row = _row(scope, _key(scope, "SPENT", job, str(datetime.now(UTC).date())))
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
        arguments["ExclusiveStartKey"] = _key(scope, "RUN", job, cursor).wire()
    answer = scope.clients.dynamodb.query(**arguments)
    last = answer.get("LastEvaluatedKey")
    runs = [_run(from_item(dict(item))) for item in answer["Items"]]
    return runs, str(last["sk"]["S"]).removeprefix(begin) if last else ""


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


def _row(scope: TenantScope, key: Key) -> dict[str, Any] | None:
    answer = scope.clients.dynamodb.get_item(TableName=scope.table, Key=key.wire(), ConsistentRead=True)
    return from_item(dict(answer["Item"])) if "Item" in answer else None


def _run(row: dict[str, Any]) -> Run:
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
