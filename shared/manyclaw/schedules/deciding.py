"""Whether a due time is run: a plain function of what is known, so that each rule can be read and tested by itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from manyclaw.schedules.model import LATE_SECONDS, Job
from manyclaw.schedules.runs import RUNNING, Run

DEAD_AFTER = timedelta(hours=6)
"""A run that is still at work after this is dead: the queue gives a message up within two hours."""


@dataclass(frozen=True)
class Due:
    """One due time as the queue brings it. ``version`` is the job's when its schedule was written."""

    job: str
    moment: datetime
    version: int
    by_hand: bool = False


def why_not(job: Job, due: Due, *, status: str, now: datetime, before: Run | None, spent: Decimal, paired: bool) -> str:
    """Why a due time is not run, in words for the ledger; empty when it is.

    Parameters
    ----------
    before
        The job's run before this one.
    spent
        What the job has cost today (UTC), in USD.
    """
    spec = job.spec
    if status != "active":
        return f"the tenant is {status or 'not there'}"
    if not paired:
        return "no bot is paired"
    if spec.budget_day_usd is not None and spent >= spec.budget_day_usd:
        return f"the day's budget of {spec.budget_day_usd} USD is used up"
    if due.by_hand:
        return ""
    if not spec.enabled:
        return f"the job is paused: {job.paused}" if job.paused else "the job is switched off"
    if due.version != job.version and not _still_due(job, due.moment):
        return "its schedule was out of date; it has been written anew"
    late = (now - due.moment).total_seconds()
    if late > max(LATE_SECONDS, 60 * spec.late_minutes):
        return f"it was {int(late // 60)} minutes late; {spec.late_minutes} are allowed"
    if spec.overlap == "skip" and before is not None and before.outcome == RUNNING and not is_dead(before, now):
        return f"the run of {before.due} is still at work"
    return ""


def _still_due(job: Job, moment: datetime) -> bool:
    """Whether a due time of an earlier version of the job is one of this version too."""
    when = job.when
    return when.kind == "rate" or when.next_times(moment - timedelta(seconds=1), 1) == [moment]


def is_dead(run: Run, now: datetime) -> bool:
    """Whether a run that was begun will never end."""
    return now.astimezone(UTC) - datetime.fromisoformat(run.started_at) > DEAD_AFTER
