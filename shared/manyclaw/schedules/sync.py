"""One tenant's jobs: what the rows say and what EventBridge Scheduler holds, brought together again."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from manyclaw.aws import from_item, pages, to_item
from manyclaw.schedules.model import Job
from manyclaw.schedules.runs import due_text, skip_run
from manyclaw.schedules.store import delete_job, load_job, page_of_jobs, page_of_reminders
from manyclaw.schedules.timetable import drift, follow, remove_schedule
from manyclaw.tenancy import TenantScope

_MISSED_AFTER = timedelta(hours=1)


@dataclass(frozen=True)
class Drift:
    """One difference.

    ``kind``: missing, differs, left over (of a job that is off), missed (a one-off time that passed without a run), job
    gone or tenant gone.
    """

    tenant: str
    job: str
    kind: str
    repaired: bool


def sync_tenant(scope: TenantScope, scheduled: Collection[str] = (), *, repair: bool = True) -> Iterator[Drift]:
    """Every difference of a tenant's jobs and reminders, repaired unless told otherwise; one request a job.

    ``scheduled`` are the jobs for which schedules were listed before: those without a row are differences too.
    """
    known = set()
    for job in _all_jobs(scope):
        known.add(job.job)
        kind = drift(scope, job)
        if not kind:
            continue
        if kind == "missing" and job.when.kind == "at" and job.when.instant < datetime.now(UTC):
            if job.when.instant > datetime.now(UTC) - _MISSED_AFTER:
                continue  # its run may still be on its way
            kind = "missed"
        if repair:
            _repair(scope, job, kind)
        yield Drift(scope.tenant, job.job, kind, repair)
    for name in sorted(set(scheduled) - known):
        if load_job(scope, name) is None and (not repair or remove_schedule(scope, name)):
            yield Drift(scope.tenant, name, "job gone", repair)


def _repair(scope: TenantScope, job: Job, kind: str) -> None:
    if kind != "missed":
        follow(scope, job)
        return
    skip_run(scope, job.job, due_text(job.when.instant), "its schedule was gone when it was due")
    if job.is_reminder:
        delete_job(scope, job.job)


def erase_schedules(scope: TenantScope) -> list[str]:
    """Remove all of a tenant's schedules and its run ledger, as part of its deletion; its job rows go with the rest."""
    removed = sum(remove_schedule(scope, job.job) for job in _all_jobs(scope))
    rows = pages(
        scope.clients.dynamodb.query,
        "Items",
        TableName=scope.table,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues=to_item({":pk": scope.part("RUNS", "").pk}),
        ProjectionExpression="pk, sk",
    )
    for row in map(from_item, rows):
        scope.clients.dynamodb.delete_item(TableName=scope.table, Key=scope.part("RUNS", row["sk"]).wire())
    return [f"{removed} schedules and {len(rows)} rows of the run ledger removed"] if removed or rows else []


def _all_jobs(scope: TenantScope) -> Iterator[Job]:
    for page in (page_of_jobs, page_of_reminders):
        jobs, cursor = page(scope, 100, "")
        yield from jobs
        while cursor:
            jobs, cursor = page(scope, 100, cursor)
            yield from jobs
