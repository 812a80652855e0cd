"""Jobs that every tenant has, switched off until somebody switches one on.

Nothing is stored for a preset that was never touched, so a thousand tenants cost nothing. The first change writes the
tenant's own row, and from then on that row counts.
"""

from __future__ import annotations

from manyclaw.schedules.model import Job, JobSpec

_FRIDAY = JobSpec(
    prompt=(
        "Write the Friday digest of this conversation: what happened in it in the last seven days, what was decided, "
        "and what is still open. Write at most ten short lines. Say so if there is nothing worth telling."
    ),
    when="cron(0 16 ? * FRI *)",
    chats="active",
    enabled=False,
)
_BRIEF = JobSpec(
    prompt=(
        "Write the daily brief for this conversation: what is open, what is due today, and what was promised. Write at "
        "most six short lines."
    ),
    when="cron(0 8 ? * MON-FRI *)",
    chats="subscribed",
    enabled=False,
)
_TIDY = JobSpec(
    kind="tool",
    tool="memory_tidy",
    when="cron(0 11 ? * SUN *)",
    chats="active",
    enabled=False,
)

PRESETS = {"daily-brief": _BRIEF, "friday-digest": _FRIDAY, "memory-tidy": _TIDY}


def preset(job: str, zone: str = "UTC") -> Job | None:
    """A preset as a tenant has it that never touched it, in the tenant's time zone."""
    spec = PRESETS.get(job)
    return Job(job, spec.model_copy(update={"zone": zone}), version=0, stored=False) if spec else None
