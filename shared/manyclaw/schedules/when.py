"""When a job is due: ``cron(…)``, ``rate(…)`` or ``at(…)`` in a time zone, as EventBridge Scheduler means them.

A time of day that the clocks skip in spring is skipped for cron, and one that they repeat in autumn comes once, the
first time: so AWS documents it (https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html). A one-off
time is ours to resolve: we compute the UTC instant. A skipped time becomes the same distance after the gap (02:30
becomes 03:30), a repeated one is its first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

from manyclaw.errors import BadInput
from manyclaw.schedules.cron import Cron, parse_cron

_FORM = re.compile(r"\s*(cron|rate|every|at)\s*\((.*)\)\s*", re.IGNORECASE | re.DOTALL)
_RATE = re.compile(r"(\d{1,6})\s+(minute|hour|day)s?")
_UNIT = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}
_EXAMPLES = "Write cron(0 16 ? * FRI *), rate(30 minutes) or at(2026-12-24T18:00)."
MOST_AHEAD = timedelta(days=366 * 3)


@dataclass(frozen=True)
class When:
    """A checked time rule. ``expression`` is in its plain form; ``zone`` is an IANA name."""

    expression: str
    zone: str = "UTC"

    @property
    def kind(self) -> str:
        """cron, rate or at."""
        return self.expression.partition("(")[0]

    @property
    def _inside(self) -> str:
        return self.expression.partition("(")[2][:-1]

    @property
    def instant(self) -> datetime:
        """The UTC instant of an ``at``."""
        return resolve(datetime.fromisoformat(self._inside), self.zone)

    @property
    def interval(self) -> timedelta:
        """The interval of a ``rate``."""
        number, unit = self._inside.split()
        return int(number) * _UNIT[unit.removesuffix("s")]

    @property
    def closest(self) -> timedelta:
        """The least time between two due times; a cron rule is taken as if it were due every day."""
        if self.kind == "at":
            return timedelta.max
        if self.kind == "rate":
            return self.interval
        times = self._minutes_of_day()
        return timedelta(minutes=min(after - before for before, after in pairwise([*times, times[0] + 24 * 60])))

    @property
    def most_a_day(self) -> int:
        """How many due times a day has at most."""
        if self.kind == "at":
            return 1
        return -(-timedelta(days=1) // self.interval) if self.kind == "rate" else len(self._minutes_of_day())

    def _minutes_of_day(self) -> list[int]:
        cron = parse_cron(self._inside)
        return [60 * hour + minute for hour in sorted(cron.hours) for minute in sorted(cron.minutes)]

    def for_scheduler(self) -> tuple[str, str]:
        """The expression and the time zone that EventBridge Scheduler is given: an ``at`` always in UTC."""
        if self.kind == "at":
            return f"at({self.instant:%Y-%m-%dT%H:%M:%S})", "UTC"
        return self.expression, "UTC" if self.kind == "rate" else self.zone

    def next_times(self, after: datetime, count: int, *, since: datetime | None = None) -> list[datetime]:
        """The next ``count`` due times after ``after``, in UTC; fewer for what ends.

        ``since`` is when a rate's first interval began (its schedule's creation); ``after`` if it is not known.
        """
        if self.kind == "at":
            return [self.instant] if self.instant > after and count else []
        if self.kind == "rate":
            begin = since or after
            steps = (after - begin) // self.interval + 1
            return [begin + (steps + number) * self.interval for number in range(count)]
        return list(islice(self._cron_times(parse_cron(self._inside), after), count))

    def _cron_times(self, cron: Cron, after: datetime) -> Iterator[datetime]:
        zone = ZoneInfo(self.zone)
        day = after.astimezone(zone).date()
        last = day + timedelta(days=366 * 9)
        while day <= last:
            for hour, minute in cron.times_of(day):
                local = datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone)
                moment = local.astimezone(UTC)
                skipped = moment.astimezone(zone).replace(tzinfo=None) != local.replace(tzinfo=None)
                if moment > after and not skipped:
                    yield moment
            day += timedelta(days=1)


def resolve(local: datetime, zone: str) -> datetime:
    """The UTC instant of a local date and time without a zone, or of one that brings its own offset.

    Raises ``BadInput`` for one at the edge of the calendar, which UTC does not know.
    """
    try:
        if local.tzinfo is not None:
            return local.astimezone(UTC)
        return local.replace(tzinfo=ZoneInfo(zone), fold=0).astimezone(UTC)
    except OverflowError:
        raise BadInput(f"{local.isoformat()} is not a date that the calendar has in UTC.") from None


def check_zone(zone: str) -> str:
    """``zone``, if it is an IANA time zone. Raises ``BadInput`` otherwise."""
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        raise BadInput(f"{zone[:64]!r} is not an IANA time zone.", hint="One is Europe/Berlin.") from None
    return zone


def parse_when(text: str, zone: str, now: datetime, *, past: bool = False) -> When:
    """A time rule as somebody wrote it.

    Parameters
    ----------
    now
        Aware; there must be a due time after it unless ``past``, which is for rules that were checked before.

    Raises
    ------
    BadInput
        Not one of the three forms, a wrong number of fields, an interval of nothing, a time in the past or more than
        three years away, an unknown time zone, a date that never comes.
    """
    check_zone(zone)
    form = _FORM.fullmatch(text)
    if not form:
        raise BadInput(f"{text[:80]!r} does not say when.", hint=_EXAMPLES)
    kind, inside = form[1].lower(), " ".join(form[2].split())
    if kind == "cron":
        parse_cron(inside)
        when = When(f"cron({inside})", zone)
        if not past and not when.next_times(now, 1):
            raise BadInput(f"cron({inside}) never comes.", hint="Its day, month and year exclude one another.")
        return when
    if kind in ("rate", "every"):
        return When(f"rate({_rate(inside)})", zone)
    try:
        moment = datetime.fromisoformat(inside)
    except ValueError:
        raise BadInput(f"at({inside[:40]}) is no date and time.", hint="Write it like at(2026-12-24T18:00).") from None
    when = When(f"at({moment.isoformat(timespec='seconds')})", zone)
    if not past and not now < when.instant <= now + MOST_AHEAD:
        wrong = "lies in the past" if when.instant <= now else "is more than three years away"
        raise BadInput(f"{when.expression} in {zone} {wrong}.", hint=f"It is {now.astimezone(UTC):%Y-%m-%d %H:%M} UTC.")
    return when


def _rate(inside: str) -> str:
    found = _RATE.fullmatch(inside.lower())
    if not found:
        raise BadInput(f"rate({inside[:40]}) is no interval.", hint="Write it like rate(30 minutes).")
    number, unit = int(found[1]), found[2]
    if not timedelta(0) < number * _UNIT[unit] <= timedelta(days=366):
        raise BadInput(f"rate({inside}) is no interval.", hint="It may be 1 minute to 366 days.")
    return f"{number} {unit}{'' if number == 1 else 's'}"
