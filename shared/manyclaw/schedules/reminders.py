"""Reminders that an end user asks for: one-off texts, in the chat where they were asked for.

A reminder's id is made of the user and of the tool call that set it, so a call that runs twice sets one reminder. The
user's time zone lies in ``ZONE#{user}``, asked for once and kept.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from manyclaw.audit import entry
from manyclaw.aws import from_item, to_item
from manyclaw.errors import BadInput
from manyclaw.schedules.model import REMINDER_PREFIX, Job, JobSpec
from manyclaw.schedules.store import delete_job, insert_job, load_job, reminders_of
from manyclaw.schedules.timetable import follow, remove_schedule
from manyclaw.schedules.when import MOST_AHEAD, check_zone, parse_when
from manyclaw.tenancy import TenantScope, utc_now

MOST_REMINDERS = 25
"""Reminders that one user may have open at a time."""

MOST_CHARACTERS = 1_000
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class Reminder:
    """An open reminder. ``at`` is UTC; ``zone`` is the user's."""

    job: str
    text: str
    at: datetime
    zone: str

    @property
    def when(self) -> str:
        """The absolute time for a person, in their zone."""
        return f"{self.at.astimezone(ZoneInfo(self.zone)):%A, %Y-%m-%d %H:%M %Z}"


def user_zone(scope: TenantScope, user: str) -> str:
    """The time zone that the user once named, or an empty string."""
    answer = scope.clients.dynamodb.get_item(TableName=scope.table, Key=scope.key(f"ZONE#{user}").wire())
    return str(from_item(dict(answer["Item"]))["zone"]) if "Item" in answer else ""


def keep_zone(scope: TenantScope, user: str, zone: str) -> str:
    """Remember the user's time zone. Raises ``BadInput`` for what is none."""
    checked = check_zone(zone)
    row = {**scope.key(f"ZONE#{user}").__dict__, "zone": checked, "at": utc_now()}
    scope.clients.dynamodb.put_item(TableName=scope.table, Item=to_item(row))
    return checked


def set_reminder(
    scope: TenantScope, user: str, conversation: str, text: str, call: str, *, at: str = "", minutes: int = 0
) -> Reminder:
    """Set a reminder, or give the one that ``call`` has set before.

    Parameters
    ----------
    call
        Names the tool call: the turn and the call within it.
    at
        A local date and time in the user's zone (ISO 8601), or one with an offset of its own; or …
    minutes
        … from now.

    Raises
    ------
    BadInput
        No text, no time, a time in the past, an unknown zone, or too many reminders.
    """
    job = _id(user, call)
    known = load_job(scope, job)
    if known is None:
        known = _new(scope, user, conversation, text, job, at, minutes)
        insert_job(scope, known)
    follow(scope, known)
    return _reminder(known)


def _new(scope: TenantScope, user: str, chat: str, text: str, job: str, at: str, minutes: int) -> Job:
    words = " ".join(text.split())
    if not words or len(words) > MOST_CHARACTERS:
        raise BadInput(f"A reminder needs a text of 1 to {MOST_CHARACTERS} characters.")
    now = datetime.now(UTC)
    zone = user_zone(scope, user)
    if minutes:
        if minutes < 0:
            raise BadInput("That lies in the past.")
        zone = zone or "UTC"
        if minutes > MOST_AHEAD // timedelta(minutes=1):
            raise BadInput("That is more than three years away.")
        at = (now + timedelta(minutes=minutes)).isoformat(timespec="seconds")
    elif not at:
        raise BadInput("Say when: give `at` or `in_minutes`.")
    elif not zone and not _has_offset(at):
        raise BadInput("The user's time zone is not known. Ask for their city, then call again with `zone`.")
    when = parse_when(f"at({at})", zone or "UTC", now)
    if len(reminders_of(scope, _of_user(user), MOST_REMINDERS)) >= MOST_REMINDERS:
        raise BadInput(f"This user has {MOST_REMINDERS} reminders already; one has to be cancelled first.")
    spec = JobSpec(
        kind="text",
        prompt=words,
        when=f"at({when.instant:%Y-%m-%dT%H:%M:%S}+00:00)",
        zone=zone or "UTC",
        chats=(chat,),
        late_minutes=1440,
        overlap="queue",
    )
    return Job(job, spec, user=user)


def _has_offset(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        raise BadInput(f"{text[:40]!r} is no date and time.", hint="Write it like 2026-12-24T18:00.") from None


def open_reminders(scope: TenantScope, user: str) -> list[Reminder]:
    """The user's open reminders, soonest first."""
    return sorted((_reminder(job) for job in reminders_of(scope, _of_user(user))), key=lambda each: each.at)


def cancel_reminder(scope: TenantScope, user: str, job: str) -> bool:
    """Cancel one of the user's own reminders; False when the user has none of that id."""
    if not job.startswith(_of_user(user)) or load_job(scope, job) is None:
        return False
    remove_schedule(scope, job)
    delete_job(scope, job, entry(scope.audit, "reminder.cancel", on=f"reminder:{job}"))
    return True


def _reminder(job: Job) -> Reminder:
    return Reminder(job.job, job.spec.prompt, job.when.instant, job.spec.zone)


def _of_user(user: str) -> str:
    number = abs(int(user))
    digits = ""
    while number:
        number, rest = divmod(number, 36)
        digits = _DIGITS[rest] + digits
    return f"{REMINDER_PREFIX}{digits or '0'}-"


def _id(user: str, call: str) -> str:
    return _of_user(user) + hashlib.sha256(call.encode()).hexdigest()[:10]
