"""A job that keeps failing is switched off, and its owners are told once."""

from __future__ import annotations

from contextlib import suppress

from manyclaw.audit import entry
from manyclaw.aws import TransactionRefused, conditionally, to_item, transact
from manyclaw.schedules.model import Job
from manyclaw.schedules.store import job_key, load_job
from manyclaw.schedules.timetable import remove_schedule
from manyclaw.tenancy import TenantScope, utc_now


def pause_if_failing(scope: TenantScope, job: str, reason: str) -> Job | None:
    """Switch the job off if it failed too often in a row; gives it while its owners have not been told yet.

    The note that they are to be told is written with the switch, so that a crash before the telling loses nothing.
    """
    found = load_job(scope, job)
    if found is None:
        return None
    if found.spec.enabled and found.failures >= found.spec.pause_after:
        switch_off(scope, found, f"{found.failures} runs in a row failed, the last with: {reason}"[:500], tell=True)
        found = load_job(scope, job)
    if found is None or not found.notice_due:
        return None
    remove_schedule(scope, job)
    return found


def switch_off(scope: TenantScope, job: Job, reason: str, *, tell: bool = False) -> None:
    """Switch a job off unless it has changed since it was read; ``tell`` says that its owners are to hear of it."""
    values = {":off": False, ":why": reason, ":due": tell, ":old": job.version, ":new": job.version + 1}
    update = {
        "TableName": scope.table,
        "Key": job_key(scope, job.job).wire(),
        "UpdateExpression": "SET enabled = :off, paused = :why, notice_due = :due, #version = :new, updated_at = :now",
        "ConditionExpression": "#version = :old",
        "ExpressionAttributeNames": {"#version": "version"},
        "ExpressionAttributeValues": to_item({**values, ":now": utc_now()}),
    }
    on, version = f"job:{job.job}", job.version + 1
    told = entry(scope.audit, "schedule.pause", on=on, version=version, failures=job.failures)
    with suppress(TransactionRefused):
        transact(scope.clients.dynamodb, [{"Update": update}, told])


def clear_notice(scope: TenantScope, job: Job) -> None:
    """The owners have been told."""
    conditionally(
        scope.clients.dynamodb.update_item,
        TableName=scope.table,
        Key=job_key(scope, job.job).wire(),
        UpdateExpression="SET notice_due = :no",
        ConditionExpression="attribute_exists(sk)",
        ExpressionAttributeValues=to_item({":no": False}),
    )
