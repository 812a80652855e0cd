"""``/v1/tenants/{tenant}/cron``: a tenant's jobs and their runs."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Path, Query, Response

from functions.api.responses import PROBLEMS, problems
from functions.api.runtime import runtime
from functions.api.schedules import (
    JobAnswer,
    JobsAnswer,
    QueuedAnswer,
    RunsAnswer,
    book_of,
    job_answer,
    job_answers,
    run_answer,
)
from functions.api.security import with_scope
from manyclaw.access import Scope
from manyclaw.audit import record
from manyclaw.schedules import claim_by_hand, job_id, page_of_runs, run_now
from manyclaw.tenancy import TenantId

router = APIRouter(prefix="/v1/tenants/{tenant}/cron", responses=PROBLEMS, tags=["Schedules"])

CronOf = Annotated[TenantId, Depends(with_scope(Scope.CRON_WRITE))]
JobPath = Annotated[str, Path(description="The job's name.", max_length=64, examples=["friday-digest"])]


@router.get("", summary="The tenant's jobs")
def list_jobs(
    tenant: CronOf,
    limit: Annotated[int, Query(ge=1, le=1000, description="Jobs a page.")] = 100,
    cursor: Annotated[str, Query(max_length=64, description="The `next_cursor` of the page before.")] = "",
) -> JobsAnswer:
    """Jobs and presets by name, with when each is due next and what became of its last run."""
    book = book_of(tenant)
    jobs, following = book.page(limit, job_id(cursor) if cursor else "")
    return JobsAnswer(jobs=job_answers(book.scope, jobs), next_cursor=following or None)


@router.get("/{job}", summary="A job")
def show_job(tenant: CronOf, job: JobPath) -> JobAnswer:
    """One job or preset."""
    book = book_of(tenant)
    return job_answer(book.scope, book.get(job))


@router.put("/{job}", summary="Make or change a job", responses=problems(409))
def put_job(tenant: CronOf, job: JobPath, values: Annotated[dict[str, Any], Body()]) -> JobAnswer:
    """Make a job, or change the values that are given: `{"enabled": true}` switches a preset on.

    The values are those of docs/schedules.md.
    """
    book = book_of(tenant)
    return job_answer(book.scope, book.put(job, values))


@router.delete("/{job}", summary="Delete a job", status_code=204, response_class=Response, responses=problems(409))
def delete_job(tenant: CronOf, job: JobPath) -> Response:
    """Delete a job; a preset becomes again as it was."""
    book_of(tenant).remove(job)
    return Response(status_code=204)


@router.post("/{job}/runs", summary="Run a job now", status_code=202, responses=problems(409))
def run_job(tenant: CronOf, job: JobPath) -> QueuedAnswer:
    """Queue a run, once a minute at most; its due time names it in the run ledger."""
    here, book = runtime(), book_of(tenant)
    found = book.get(job)
    claim_by_hand(book.scope, found.job)
    record(book.scope.audit, "schedule.run", on=f"job:{found.job}")
    return QueuedAnswer(job=found.job, due=run_now(here.clients, here.settings, tenant, found.job))


@router.get("/{job}/runs", summary="A job's runs")
def list_runs(
    tenant: CronOf,
    job: JobPath,
    limit: Annotated[int, Query(ge=1, le=1000, description="Runs a page.")] = 20,
    cursor: Annotated[str, Query(max_length=32, description="The `next_cursor` of the page before.")] = "",
) -> RunsAnswer:
    """The run ledger, newest first."""
    runs, following = page_of_runs(runtime().scope(tenant), job_id(job), limit, cursor)
    return RunsAnswer(runs=[run_answer(each) for each in runs], next_cursor=following or None)
