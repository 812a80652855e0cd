"""The ends of runs: a part, its run's sums and the day's are written in one transaction, so they always agree."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from manyclaw.aws import TransactionRefused, to_item, transact
from manyclaw.schedules.runs import (
    DONE,
    FAILED,
    RUNNING,
    SKIPPED,
    Part,
    Run,
    expiry,
    ledger_key,
    ledger_row,
    load_run,
    part_key,
    run_key,
    run_of,
)
from manyclaw.schedules.store import job_key
from manyclaw.tenancy import Key, TenantScope, utc_now


def finish_part(scope: TenantScope, job: str, due: str, part: Part) -> None:
    """Write what a run did in one chat; a second time it does nothing."""
    with suppress(TransactionRefused):
        transact(scope.clients.dynamodb, [*_part_items(scope, job, due, part), _sums(scope, job, due, part)])


def finish_only_part(scope: TenantScope, run: Run, part: Part, failures: int) -> Run | None:
    """As :func:`finish_part` and :func:`settle_run` for a run in one chat, in one transaction.

    ``failures`` are the job's in a row so far. Gives the closed run, or None if somebody else has written meanwhile:
    then the two do what is left.
    """
    outcome = FAILED if part.error else SKIPPED if part.skipped else DONE
    reason = (part.error or part.skipped)[:500]
    sets = {"outcome": outcome, "finished_at": utc_now(), "reason": reason}
    counting = [_counting(scope, run.job, outcome)] if outcome == FAILED or (outcome == DONE and failures) else []
    items = [*_part_items(scope, run.job, run.due, part), _sums(scope, run.job, run.due, part, sets), *counting]
    try:
        transact(scope.clients.dynamodb, items)
    except TransactionRefused:
        return None
    return replace(run, outcome=outcome, reason=reason, finished_at=sets["finished_at"], parts=1)


def _spent(part: Part) -> dict[str, Any]:
    return {"calls": part.usage.calls, "tokens": part.usage.tokens, "cost_usd": part.usage.cost_usd}


def _part_items(scope: TenantScope, job: str, due: str, part: Part) -> list[dict[str, Any]]:
    """The part's row and the job's sums of the day."""
    row = {
        **part_key(scope, job, due, part.conversation).__dict__,
        "conversation": part.conversation,
        "error": part.error,
        "skipped": part.skipped,
        "message_ids": list(part.message_ids),
        "finished_at": utc_now(),
        "expires_at": expiry(),
        **_spent(part),
    }
    put = {"TableName": scope.table, "Item": to_item(row), "ConditionExpression": "attribute_not_exists(sk)"}
    today = ledger_key(scope, "SPENT", job, str(datetime.now(UTC).date()))
    return [{"Put": put}, _change(scope, today, {**_spent(part), "runs": 1}, {"expires_at": expiry()})]


def _sums(scope: TenantScope, job: str, due: str, part: Part, closing: dict[str, Any] | None = None) -> dict[str, Any]:
    """The part added to its run; ``closing`` are the values that close the run with it."""
    added = {"parts": 1, "failed": int(bool(part.error)), "not_run": int(bool(part.skipped)), **_spent(part)}
    reason = part.error or part.skipped
    sets = {"reason": reason[:500]} if reason else {}
    change = _change(scope, run_key(scope, job, due), added, closing or sets)
    if closing:
        change["Update"]["ConditionExpression"] = "#outcome = :running"
        change["Update"]["ExpressionAttributeValues"] |= to_item({":running": RUNNING})
    return change


def _change(scope: TenantScope, key: Key, added: dict[str, Any], sets: dict[str, Any]) -> dict[str, Any]:
    setting = "SET " + ", ".join(f"#{name} = :{name}" for name in sets) + " " if sets else ""
    both = {**added, **sets}
    return {
        "Update": {
            "TableName": scope.table,
            "Key": key.wire(),
            "UpdateExpression": setting + "ADD " + ", ".join(f"#{name} :{name}" for name in added),
            "ExpressionAttributeNames": {f"#{name}": name for name in both},
            "ExpressionAttributeValues": to_item({f":{name}": value for name, value in both.items()}),
        }
    }


def settle_run(scope: TenantScope, job: str, due: str) -> Run | None:
    """Close the run if all its chats are finished, and count the job's failures in a row in the same transaction.

    Gives the run if it is closed now, by this call or an earlier one; None while it is at work.
    """
    row = ledger_row(scope, run_key(scope, job, due))
    if row is None or row["outcome"] != RUNNING:
        return run_of(row) if row else None
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
            "Key": run_key(scope, job, due).wire(),
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
