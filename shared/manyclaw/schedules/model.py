"""A job: what a tenant wants done, when, and where to."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from manyclaw.errors import BadInput
from manyclaw.schedules.when import When, parse_when

REMINDER_PREFIX = "r-"
_JOB_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,30}")
LEAST_INTERVAL = timedelta(minutes=5)
"""Between two due times of a job, so that no tenant's schedules keep the others' messages waiting."""

_CONVERSATION = re.compile(r"-?\d{1,19}(:\d{1,10})?")

MOST_CHATS = 1_000
"""Chats that one run serves; the rest is named in the run's reason."""

LATE_SECONDS = 120
"""A run that begins within this many seconds of its due time is on time; the Scheduler promises a minute."""


def job_id(value: object) -> str:
    """``value`` as a job's id: 1 to 31 of a-z, 0-9 and -, so that with its tenant it fits a schedule's 64 characters.

    Raises
    ------
    BadInput
        It is none.
    """
    if not isinstance(value, str) or not _JOB_ID.fullmatch(value):
        raise BadInput(
            f"{str(value)[:64]!r} is not a job's name.",
            hint="Use 1 to 31 lower-case letters, digits and hyphens, beginning with a letter or digit.",
        )
    return value


def conversation_id(value: object) -> str:
    """``value`` as a chat's number, or chat:topic. Raises ``BadInput`` if it is none."""
    if not isinstance(value, str) or not _CONVERSATION.fullmatch(value):
        raise BadInput(f"{str(value)[:40]!r} is no chat.", hint="Use its number, or number:topic.")
    return value


class JobSpec(BaseModel):
    """What its owner decides about a job. Amounts are USD, times of day are in ``zone``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["prompt", "text", "tool"] = Field(default="prompt", description="What is done when it is due.")
    prompt: str = Field(default="", max_length=20_000, description="What the agent is asked, or the text that is sent.")
    tool: str = Field(
        default="",
        max_length=64,
        description="The tool whose result is sent, for kind tool. One of allowed_tools, or memory_tidy.",
    )
    arguments: dict[str, Any] = Field(default_factory=dict, description="The tool's arguments.")
    when: str = Field(description="cron(…), rate(…) or at(…).")
    zone: str = Field(default="UTC", description="The IANA time zone of cron and at.")
    chats: Literal["subscribed", "active"] | tuple[str, ...] = Field(
        default="subscribed",
        description="Chats by number (topics as chat:topic), those that subscribed, or all active.",
    )
    enabled: bool = Field(default=True, description="Whether it runs.")
    conversation: Literal["shared", "own"] = Field(default="shared", description="The chat's conversation, or its own.")
    quiet: bool = Field(default=False, description="Do the work without sending the answer.")
    overlap: Literal["skip", "queue"] = Field(default="skip", description="When the run before is still at work.")
    late_minutes: int = Field(default=60, ge=0, le=1440, description="How late a run may begin; 0 skips a missed one.")
    budget_run_usd: Decimal | None = Field(default=None, gt=0, description="No further model call in a run from here.")
    budget_day_usd: Decimal | None = Field(default=None, gt=0, description="No further run on a UTC day from here.")
    pause_after: int = Field(default=5, ge=1, le=100, description="Failures in a row after which it pauses.")

    @field_validator("chats")
    @classmethod
    def _chats_are_numbers(cls, value: Any) -> Any:
        wrong = [] if isinstance(value, str) else [each for each in value if not _CONVERSATION.fullmatch(each)]
        if wrong or value == ():
            raise ValueError(f"{wrong[0]!r} is no chat" if wrong else "no chat is named")
        return value if isinstance(value, str) else tuple(dict.fromkeys(value))

    @model_validator(mode="after")
    def _has_what_it_does(self) -> JobSpec:
        if self.kind == "tool" and not self.tool:
            raise ValueError("a job of kind tool names a tool")
        if self.kind != "tool" and not self.prompt.strip():
            raise ValueError(f"a job of kind {self.kind} needs a prompt")
        return self

    def checked_when(self, now: datetime, *, past: bool = False) -> When:
        """Its time rule. Raises ``BadInput`` as :func:`~manyclaw.schedules.when.parse_when` does."""
        return parse_when(self.when, self.zone, now, past=past)


def check_spec(values: dict[str, Any], now: datetime, tools: frozenset[str] | None = None) -> JobSpec:
    """A job as somebody wrote it, with its time rule in plain form.

    Raises
    ------
    BadInput
        An unknown key, a value of the wrong kind, a time rule that makes no sense or comes too often, too many chats, a
        tool that the tenant may not call.
    """
    try:
        spec = JobSpec.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"][:1])
        message = str(first["msg"]).removeprefix("Value error, ")
        raise BadInput(f"The job is not valid: {where + ': ' if where else ''}{message}.") from None
    if spec.kind == "tool" and spec.enabled and tools is not None and spec.tool not in tools:
        hint = f"Its allowed_tools name those that it may; jobs may call: {', '.join(sorted(tools)) or 'none'}."
        raise BadInput(f"The tenant may not call a tool {spec.tool!r}.", hint=hint)
    if not isinstance(spec.chats, str) and len(spec.chats) > MOST_CHATS:
        raise BadInput(f"The job names {len(spec.chats)} chats; {MOST_CHATS} are allowed.", hint="Make it two jobs.")
    when = spec.checked_when(now, past=not spec.enabled)
    if spec.enabled and when.closest < LEAST_INTERVAL:
        minutes = LEAST_INTERVAL // timedelta(minutes=1)
        raise BadInput(f"{when.expression} comes too often.", hint=f"A job runs at most every {minutes} minutes.")
    return spec.model_copy(update={"when": when.expression})


@dataclass(frozen=True)
class Job:
    """A job as the table holds it. Times are ISO 8601, UTC.

    Attributes
    ----------
    version
        Counts its changes; a schedule that carries another one is out of date.
    failures
        Runs that failed, one after another, until now.
    paused
        Why it was switched off other than by hand; empty otherwise.
    notice_due
        The owners have not been told of the pause yet.
    user
        Whose reminder it is; empty for the tenant's own jobs.
    """

    job: str
    spec: JobSpec
    version: int = 1
    failures: int = 0
    paused: str = ""
    notice_due: bool = False
    user: str = ""
    created_at: str = ""
    updated_at: str = ""
    stored: bool = True

    @property
    def deliveries_a_day(self) -> int:
        """How many chats its runs of one day go to at most; 0 when it is off, or names none."""
        named = 0 if isinstance(self.spec.chats, str) else len(self.spec.chats)
        return named * self.when.most_a_day if self.spec.enabled else 0

    @property
    def is_reminder(self) -> bool:
        return self.job.startswith(REMINDER_PREFIX)

    @property
    def when(self) -> When:
        return self.spec.checked_when(datetime.now(UTC), past=True)

    def next_times(self, now: datetime, count: int) -> list[datetime]:
        """The next due times (UTC) if it is switched on and stays as it is."""
        since = datetime.fromisoformat(self.updated_at) if self.updated_at else None
        return self.when.next_times(now, count, since=since)
