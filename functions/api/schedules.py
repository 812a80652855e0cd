"""What the API and the dashboard say of jobs and runs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, Field

from functions.api.runtime import runtime
from functions.api.schemas import Exact
from manyclaw.schedules import Job, JobBook, Run, last_runs
from manyclaw.tenancy import TenantId, TenantScope, load_overlay


class RunAnswer(BaseModel):
    """One due time of a job. Times are ISO 8601, UTC."""

    due: str
    outcome: str = Field(description="running, done, failed or skipped")
    reason: str
    by_hand: bool
    started_at: str
    finished_at: str | None
    chats: int
    failed: int
    calls: int
    tokens: int
    cost: Exact = Field(description="USD, exact.")


class JobAnswer(BaseModel):
    """A job: its values as docs/schedules.md names them, and how it stands."""

    job: str
    values: dict[str, Any]
    paused: str = Field(description="Why it was switched off other than by hand; empty otherwise.")
    failures: int = Field(description="Runs that failed, one after another, until now.")
    next: datetime | None
    last_run: RunAnswer | None


class JobsAnswer(BaseModel):
    """A page of jobs."""

    jobs: list[JobAnswer]
    next_cursor: str | None


class RunsAnswer(BaseModel):
    """A page of the run ledger."""

    runs: list[RunAnswer]
    next_cursor: str | None


class QueuedAnswer(BaseModel):
    """A run that is on its way."""

    job: str
    due: str


def book_of(tenant: TenantId) -> JobBook:
    """The tenant's jobs, with the tools that they may call and its time zone."""
    from manyclaw.agent import job_tool_names

    here = runtime()
    scope = here.scope(tenant)
    overlay = load_overlay(scope, here.gateway_config, here.tools_of(scope)).overlay
    tools = job_tool_names() | set(overlay.allowed_tools)
    return JobBook(scope, tools=tools, zone=overlay.time_zone, known_only=True)


def job_answers(scope: TenantScope, jobs: list[Job]) -> list[JobAnswer]:
    """Jobs with their last runs, which cost a query each."""
    last = last_runs(scope, [job.job for job in jobs])
    return [_job_answer(job, last.get(job.job)) for job in jobs]


def job_answer(scope: TenantScope, job: Job) -> JobAnswer:
    """A job with its last run."""
    return job_answers(scope, [job])[0]


def _job_answer(job: Job, last: Run | None) -> JobAnswer:
    times = job.next_times(datetime.now(UTC), 1) if job.spec.enabled else []
    return JobAnswer(
        job=job.job,
        values=job.spec.model_dump(mode="json"),
        paused=job.paused,
        failures=job.failures,
        next=times[0] if times else None,
        last_run=run_answer(last) if last else None,
    )


def run_answer(run: Run) -> RunAnswer:
    """A run as the API gives it."""
    same = {name: getattr(run, name) for name in ("due", "outcome", "reason", "by_hand", "started_at", "failed")}
    return RunAnswer(
        **same,
        finished_at=run.finished_at or None,
        chats=len(run.chats),
        calls=run.calls,
        tokens=run.tokens,
        cost=run.cost_usd,
    )
