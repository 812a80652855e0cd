"""The use cases on a tenant's jobs: each writes the row first and lets the schedule follow.

Stopped between the two, the row says what should be, and `cron sync` or the job's next firing brings the schedule to
it. A deletion goes the other way round, so that no schedule is ever left without a row.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from manyclaw.audit import entry
from manyclaw.errors import BadInput, Conflict, NotFound
from manyclaw.schedules.audience import known_chats
from manyclaw.schedules.model import REMINDER_PREFIX, Job, check_spec, job_id
from manyclaw.schedules.presets import PRESETS, preset
from manyclaw.schedules.runs import MOST_DELIVERIES
from manyclaw.schedules.store import delete_job, every_job, insert_job, load_job, page_of_jobs, update_job
from manyclaw.schedules.timetable import follow, remove_schedule
from manyclaw.tenancy import TenantScope

MOST_JOBS = 100
"""Jobs that one tenant may have, presets not counted."""

_MANY = 5
"""Chats that an error names."""


class JobBook:
    """One tenant's jobs.

    Parameters
    ----------
    tools
        The tools that a job may name; None does not check.
    zone
        The tenant's time zone, for presets that were never touched.
    known_only
        Whether a job may newly name only chats that have written to the bot: for everybody but the operator.
    """

    def __init__(
        self, scope: TenantScope, *, tools: frozenset[str] | None = None, zone: str = "UTC", known_only: bool = False
    ) -> None:
        self.scope = scope
        self._known_only = known_only
        self._tools = tools
        self._zone = zone

    def get(self, job: str) -> Job:
        """One job or preset. Raises ``NotFound``."""
        found = load_job(self.scope, job_id(job)) or preset(job, self._zone)
        if found is None:
            raise NotFound(
                f"Tenant {self.scope.tenant} has no job {job}.",
                hint=f"`manyclaw cron list {self.scope.tenant}` shows those there are.",
            )
        return found

    def page(self, limit: int = 100, cursor: str = "") -> tuple[list[Job], str]:
        """Jobs by name, and the cursor of the next page; presets that were never touched stand on the first."""
        jobs, following = page_of_jobs(self.scope, limit, cursor)
        if not cursor:
            names = {each.job for each in jobs}
            untouched = [each for name in PRESETS if name not in names and (each := preset(name, self._zone))]
            if following:
                untouched = [each for each in untouched if load_job(self.scope, each.job) is None]
            jobs = sorted([*jobs, *untouched], key=lambda each: each.job)
        return jobs, following

    def add(self, job: str, values: dict[str, Any]) -> Job:
        """Make a job. Raises ``BadInput`` for values that make no sense, ``Conflict`` if there is such a job."""
        if job_id(job).startswith(REMINDER_PREFIX):
            raise BadInput(f"{job!r} is not a job's name.", hint=f"{REMINDER_PREFIX}… is for users' reminders.")
        if job in PRESETS:
            raise Conflict(f"{job} is a preset.", hint="Edit or enable it.")
        made = Job(job, check_spec(values, datetime.now(UTC), self._tools))
        jobs = every_job(self.scope)
        if len(jobs) >= MOST_JOBS:
            raise Conflict(f"Tenant {self.scope.tenant} has {MOST_JOBS} jobs already.", hint="Remove one first.")
        self._check_chats(made, ())
        check_deliveries(made, jobs)
        if not insert_job(self.scope, made):
            raise Conflict(f"Tenant {self.scope.tenant} has a job {job} already.", hint="Edit it.")
        return self._followed(job)

    def edit(self, job: str, changes: dict[str, Any]) -> Job:
        """Change some of a job's values. Raises as :meth:`add` does, and ``NotFound``.

        Switching a job on forgives its failures.
        """
        old = self.get(job)
        spec = check_spec({**old.spec.model_dump(), **changes}, datetime.now(UTC), self._tools)
        new = replace(old, spec=spec)
        self._check_chats(new, old.spec.chats)
        if new.deliveries_a_day > old.deliveries_a_day:
            check_deliveries(new, every_job(self.scope))
        if spec.enabled:
            new = replace(new, paused="", notice_due=False, failures=0 if not old.spec.enabled else old.failures)
        if old.stored:
            update_job(self.scope, old, new)
        elif not insert_job(self.scope, replace(new, version=1, stored=True)):
            raise Conflict(f"The job {job} has changed since it was read.", hint="Do it again.")
        return self._followed(job)

    def put(self, job: str, values: dict[str, Any]) -> Job:
        """Change a job, or make one that is not there: what PUT does."""
        try:
            self.get(job)
        except NotFound:
            return self.add(job, values)
        return self.edit(job, values)

    def enable(self, job: str) -> Job:
        """Switch a job on."""
        return self.edit(job, {"enabled": True})

    def disable(self, job: str) -> Job:
        """Switch a job off; what it has begun goes on."""
        return self.edit(job, {"enabled": False})

    def remove(self, job: str) -> None:
        """Delete a job; a preset becomes again as it was. Its runs stay in the ledger. Raises ``NotFound``."""
        if not self.get(job).stored:
            raise Conflict(f"{job} is a preset that was never changed.", hint="There is nothing to remove.")
        remove_schedule(self.scope, job)
        delete_job(self.scope, job, entry(self.scope.audit, "schedule.remove", on=f"job:{job}"))

    def _check_chats(self, job: Job, before: str | tuple[str, ...]) -> None:
        """Raises ``BadInput`` for a chat that is new to the job and to the bot."""
        if not self._known_only or isinstance(job.spec.chats, str):
            return
        unknown = set(job.spec.chats) - set(() if isinstance(before, str) else before)
        unknown -= set(known_chats(self.scope)) if unknown else set()
        if unknown:
            named = ", ".join(sorted(unknown)[:_MANY]) + (", …" if len(unknown) > _MANY else "")
            raise BadInput(f"The bot does not know these chats: {named}.", hint="Write to it there first.")

    def _followed(self, job: str) -> Job:
        found = self.get(job)
        follow(self.scope, found)
        return found


def check_deliveries(job: Job, jobs: list[Job]) -> None:
    """Raises ``BadInput`` if ``job`` and the tenant's other ``jobs`` would go to too many chats a day.

    Only chats that jobs name are counted here; the others are at the run, where :func:`claim_run` counts all.
    """
    together = job.deliveries_a_day + sum(each.deliveries_a_day for each in jobs if each.job != job.job)
    if job.deliveries_a_day and together > MOST_DELIVERIES:
        raise BadInput(
            f"The tenant's jobs would go to chats {together} times a day; {MOST_DELIVERIES} are allowed.",
            hint="Name fewer chats, run it less often, or switch another job off.",
        )
