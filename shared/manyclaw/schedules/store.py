"""Jobs in the tenant's own partition: ``JOB#{job}``, and users' reminders apart as ``REMINDER#{job}``."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from typing import Any

from manyclaw.audit import digest, entry
from manyclaw.aws import TransactionRefused, from_item, to_item, transact
from manyclaw.errors import Conflict
from manyclaw.schedules.model import REMINDER_PREFIX, Job, JobSpec
from manyclaw.tenancy import Key, TenantScope, utc_now


def job_key(scope: TenantScope, job: str) -> Key:
    """Reminders have a prefix of their own, so that listing a tenant's jobs reads none of them."""
    return scope.key(f"{'REMINDER' if job.startswith(REMINDER_PREFIX) else 'JOB'}#{job}")


def load_job(scope: TenantScope, job: str) -> Job | None:
    """A stored job, read consistently."""
    answer = scope.clients.dynamodb.get_item(TableName=scope.table, Key=job_key(scope, job).wire(), ConsistentRead=True)
    return job_of(from_item(dict(answer["Item"]))) if "Item" in answer else None


def insert_job(scope: TenantScope, job: Job) -> bool:
    """Write a job that is not there; False when it is."""
    now = utc_now()
    made = replace(job, created_at=now, updated_at=now)
    return _put(scope, made, _told(scope, None, made), "attribute_not_exists(sk)", {})


def update_job(scope: TenantScope, old: Job, new: Job) -> Job:
    """Write a changed job with the next version.

    Raises
    ------
    Conflict
        It has changed since ``old`` was read, or was deleted.
    """
    changed = replace(new, version=old.version + 1, created_at=old.created_at, updated_at=utc_now())
    if not _put(scope, changed, _told(scope, old, changed), "#version = :old", {":old": old.version}):
        raise Conflict(f"The job {old.job} has changed since it was read.", hint="Read it again.")
    return changed


def _told(scope: TenantScope, old: Job | None, new: Job) -> dict[str, Any]:
    """The entry for the audit log: which values changed, never a prompt or a reminder's text."""
    if new.is_reminder:
        due = f"{new.when.instant:%Y-%m-%dT%H:%M:%SZ}"
        return entry(scope.audit, "reminder.set", on=f"reminder:{new.job}", chat=",".join(new.spec.chats), due=due)
    before, after = old.spec.model_dump() if old else {}, new.spec.model_dump(mode="json")
    now = new.spec.model_dump()
    changed = sorted(name for name in now if not old or now[name] != before.get(name))
    return entry(
        scope.audit,
        "schedule.change",
        on=f"job:{new.job}",
        version=new.version,
        enabled=new.spec.enabled,
        changed=changed,
        sha256=digest(json.dumps(after, sort_keys=True)),
    )


def _put(scope: TenantScope, job: Job, told: dict[str, Any], condition: str, values: dict[str, Any]) -> bool:
    spec = job.spec.model_dump()
    row = {
        **job_key(scope, job.job).__dict__,
        **spec,
        "arguments": json.dumps(spec["arguments"], ensure_ascii=False),
        "chats": spec["chats"] if isinstance(spec["chats"], str) else list(spec["chats"]),
        **{name: getattr(job, name) for name in _STATE},
    }
    arguments: dict[str, Any] = {"TableName": scope.table, "Item": to_item(row), "ConditionExpression": condition}
    if values:
        arguments["ExpressionAttributeNames"] = {"#version": "version"}
        arguments["ExpressionAttributeValues"] = to_item(values)
    try:
        transact(scope.clients.dynamodb, [{"Put": arguments}, told])
    except TransactionRefused:
        return False
    return True


_STATE = ("job", "version", "failures", "paused", "notice_due", "user", "created_at", "updated_at")


def job_of(row: dict[str, Any]) -> Job:
    """From a row of the table."""
    given = {name: row[name] for name in JobSpec.model_fields if name in row}
    given["arguments"] = json.loads(row.get("arguments") or "{}")
    if not isinstance(given["chats"], str):
        given["chats"] = tuple(given["chats"])
    for name in ("late_minutes", "pause_after"):
        given[name] = int(given[name])
    for name in ("budget_run_usd", "budget_day_usd"):
        given[name] = Decimal(given[name]) if name in given else None
    state = {name: row[name] for name in _STATE if name in row}
    return Job(spec=JobSpec(**given), **(state | {name: int(row[name]) for name in ("version", "failures")}))


def delete_job(scope: TenantScope, job: str, *told: dict[str, Any]) -> None:
    """Remove the row, if it is there; ``told`` is for the audit log, where somebody wanted it gone."""
    key = job_key(scope, job).wire()
    if not told:
        scope.clients.dynamodb.delete_item(TableName=scope.table, Key=key)
        return
    gone = {"TableName": scope.table, "Key": key, "ConditionExpression": "attribute_exists(sk)"}
    with suppress(TransactionRefused):
        transact(scope.clients.dynamodb, [{"Delete": gone}, *told])


def page_of_jobs(scope: TenantScope, limit: int = 100, cursor: str = "") -> tuple[list[Job], str]:
    """Up to ``limit`` of the tenant's own stored jobs after ``cursor``, by name, and the next page's cursor."""
    return _page(scope, "JOB#", limit, cursor)


def every_job(scope: TenantScope) -> list[Job]:
    """All of the tenant's own stored jobs; long prompts make it more than one page."""
    jobs, cursor = page_of_jobs(scope)
    while cursor:
        more, cursor = page_of_jobs(scope, cursor=cursor)
        jobs += more
    return jobs


def reminders_of(scope: TenantScope, prefix: str, limit: int = 100) -> list[Job]:
    """Reminders whose id begins with ``prefix``."""
    return _page(scope, f"REMINDER#{prefix}", limit, "")[0]


def page_of_reminders(scope: TenantScope, limit: int = 100, cursor: str = "") -> tuple[list[Job], str]:
    """As :func:`page_of_jobs`, for the reminders of all users."""
    return _page(scope, "REMINDER#", limit, cursor)


def _page(scope: TenantScope, prefix: str, limit: int, cursor: str) -> tuple[list[Job], str]:
    kind = prefix.partition("#")[0] + "#"
    arguments: dict[str, Any] = {
        "TableName": scope.table,
        "KeyConditionExpression": "pk = :pk AND begins_with(sk, :prefix)",
        "ExpressionAttributeValues": to_item({":pk": scope.key("").pk, ":prefix": prefix}),
        "ConsistentRead": True,
        "Limit": limit,
    }
    if cursor:
        arguments["ExclusiveStartKey"] = scope.key(kind + cursor).wire()
    answer = scope.clients.dynamodb.query(**arguments)
    last = answer.get("LastEvaluatedKey")
    jobs = [job_of(from_item(dict(item))) for item in answer["Items"]]
    return jobs, str(last["sk"]["S"]).removeprefix(kind) if last else ""
