"""AWS's cron expressions: minutes, hours, day of month, month, day of week (SUN = 1), year.

All of AWS's syntax but ``L``, ``W`` and ``#``, which are refused: the preview would promise what it cannot test.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from manyclaw.errors import BadInput

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_FIELDS = (
    ("minutes", 0, 59, ()),
    ("hours", 0, 23, ()),
    ("day of month", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of week", 1, 7, _DAYS),
    ("year", 1970, 2199, ()),
)
_EXAMPLE = "Six fields: minutes, hours, day of month, month, day of week, year, such as cron(0 16 ? * FRI *)."


@dataclass(frozen=True)
class Cron:
    """The values of each field; None stands for ``?`` in one of the two day fields."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int] | None
    months: frozenset[int]
    weekdays: frozenset[int] | None
    years: frozenset[int]

    def times_of(self, day: date) -> list[tuple[int, int]]:
        """The hours and minutes at which it is due on ``day``, in order."""
        fits = (
            day.year in self.years
            and day.month in self.months
            and (self.days is None or day.day in self.days)
            and (self.weekdays is None or day.isoweekday() % 7 + 1 in self.weekdays)
        )
        return [(hour, minute) for hour in sorted(self.hours) for minute in sorted(self.minutes)] if fits else []


def parse_cron(text: str) -> Cron:
    """The inside of ``cron(…)``. Raises ``BadInput`` with what is wrong in which field."""
    parts = text.upper().split()
    if len(parts) != len(_FIELDS):
        raise BadInput(f"cron({text}) has {len(parts)} fields, not six.", hint=_EXAMPLE)
    if (parts[2] == "?") == (parts[4] == "?"):
        raise BadInput(f"cron({text}) must have ? as its day of month or as its day of week, not both.", hint=_EXAMPLE)
    values = [
        None if part == "?" and 2 <= n <= 4 and n != 3 else _values(n, part, text) for n, part in enumerate(parts)
    ]
    minutes, hours, days, months, weekdays, years = values
    none: frozenset[int] = frozenset()
    return Cron(minutes or none, hours or none, days, months or none, weekdays, years or none)


def _values(number: int, part: str, text: str) -> frozenset[int]:
    name, lowest, highest, names = _FIELDS[number]

    def wrong(item: str) -> BadInput:
        return BadInput(f"cron({text}): {item!r} is no {name} ({lowest} to {highest}).", hint=_EXAMPLE)

    def value(item: str) -> int:
        if item in names:
            return names.index(item) + lowest
        if not item.isascii() or not item.isdigit() or not lowest <= int(item) <= highest:
            raise wrong(item)
        return int(item)

    found: set[int] = set()
    for item in part.split(","):
        span, slash, step = item.partition("/")
        if slash and (not step.isdigit() or not step.isascii() or int(step) == 0):
            raise wrong(item)
        first, dash, last = span.partition("-")
        if span == "*":
            begin, end = lowest, highest
        elif dash:
            begin, end = value(first), value(last)
        else:
            begin = value(span)
            end = highest if slash else begin
        if end < begin:
            raise wrong(item)
        found.update(range(begin, end + 1, int(step) if slash else 1))
    return frozenset(found)
