"""Reconciling: what the rows say and what EventBridge Scheduler holds, brought together again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from manyclaw.aws import Clients, from_item, pages, to_item
from manyclaw.schedules.model import Job
from manyclaw.schedules.runs import due_text, skip_run
from manyclaw.schedules.store import delete_job, page_of_jobs, page_of_reminders
from manyclaw.schedules.timetable import drift, follow, remove_schedule
from manyclaw.settings import Settings
from manyclaw.tenancy import TenantScope

_MISSED_AFTER = timedelta(hours=1)


@dataclass(frozen=True)
class Drift:
    """One difference. ``kind``: missing, differs, left over, or missed (a one-off time that passed without a run)."""

    tenant: str
    job: str
    kind: str
    repaired: bool


def sync_tenant(scope: TenantScope, *, repair: bool = True) -> Iterator[Drift]:
    """Every difference of a tenant's jobs and reminders, repaired unless told otherwise; one request a job."""
    for job in _all_jobs(scope):
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


def _repair(scope: TenantScope, job: Job, kind: str) -> None:
    if kind != "missed":
        follow(scope, job)
        return
    skip_run(scope, job.job, due_text(job.when.instant), "its schedule was gone when it was due")
    if job.is_reminder:
        delete_job(scope, job.job)


def left_over(settings: Settings, clients: Clients, tenants: set[str]) -> Iterator[tuple[str, str]]:
    """(tenant, schedule name) of the deployment's schedules whose tenant there is not any more."""
    arguments = {"GroupName": settings.stack}
    while True:
        answer = clients.get("scheduler").list_schedules(**arguments)
        for found in answer["Schedules"]:
            tenant = str(found["Name"]).partition(".")[0]
            if tenant not in tenants:
                yield tenant, str(found["Name"])
        if not answer.get("NextToken"):
            return
        arguments["NextToken"] = answer["NextToken"]


def remove_left_over(settings: Settings, clients: Clients, name: str) -> None:
    """Delete a schedule by its whole name, with the operator's rights."""
    clients.get("scheduler").delete_schedule(GroupName=settings.stack, Name=name)


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
