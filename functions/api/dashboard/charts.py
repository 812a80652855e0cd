"""Charts as SVG geometry, worked out here: the templates only write it down, and colours are the style sheet's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import ROUND_CEILING, Decimal

MOST_SERIES = 5
"""More models than that share the last colour as "other"."""


@dataclass(frozen=True)
class Segment:
    """A part of a bar. ``series`` is its colour's number."""

    series: int
    y: float
    height: float


@dataclass(frozen=True)
class Bar:
    """A day's bar, its lowest part first."""

    x: float
    width: float
    label: str
    label_x: float
    total: Decimal
    day: date
    segments: tuple[Segment, ...]


@dataclass(frozen=True)
class Tick:
    """A line across at a round amount."""

    y: float
    label: str


@dataclass(frozen=True)
class BarChart:
    """A bar a day, in the units of its ``width`` and ``height``."""

    kind: str
    width: int
    height: int
    left: int
    bottom: float
    bars: tuple[Bar, ...]
    ticks: tuple[Tick, ...]


def nice_ceiling(value: Decimal) -> tuple[Decimal, Decimal]:
    """The top of an axis for ``value``, and the step between its lines: 1, 2, 2.5 or 5 times a power of ten."""
    if value <= 0:
        return Decimal(1), Decimal("0.5")
    rough = value / 4
    power = Decimal(10) ** rough.adjusted()
    step = next(power * factor for factor in map(Decimal, ("1", "2", "2.5", "5", "10")) if power * factor >= rough)
    return step * (value / step).to_integral_value(ROUND_CEILING), step


def day_chart(
    days: list[date], series: list[dict[date, Decimal]], *, kind: str, width: int, height: int, every: int
) -> BarChart:
    """Stacked bars.

    Parameters
    ----------
    series
        The amounts of each day, one mapping a colour.
    every
        Which days are labelled: the first and each ``every``-th.
    """
    totals = {day: sum((each.get(day, Decimal(0)) for each in series), Decimal(0)) for day in days}
    top, step = nice_ceiling(max(totals.values(), default=Decimal(0)))
    left, upper, bottom = 52, 10, height - 24
    room = (width - left - 4) / max(1, len(days))

    def scaled(amount: Decimal) -> float:
        return float(amount / top) * (bottom - upper)

    bars = []
    for number, day in enumerate(days):
        level, segments = float(bottom), []
        for colour, each in enumerate(series):
            tall = scaled(each.get(day, Decimal(0)))
            if tall > 0:
                level -= tall
                segments.append(Segment(colour, round(level, 2), round(tall, 2)))
        x = left + number * room
        labelled = day.day == 1 or (day.day % every == 0 and day.day <= len(days))
        label = str(day.day) if labelled else ""
        bars.append(
            Bar(
                x=round(x + room * 0.14, 2),
                width=round(room * 0.72, 2),
                label=label,
                label_x=round(x + room / 2, 2),
                total=totals[day],
                day=day,
                segments=tuple(segments),
            )
        )
    count = int(top / step)
    ticks = tuple(
        Tick(round(bottom - scaled(step * number), 2), _axis_label(step * number, step)) for number in range(count + 1)
    )
    return BarChart(kind, width, height, left, float(bottom), tuple(bars), ticks)


def _axis_label(amount: Decimal, step: Decimal) -> str:
    exponent = step.normalize().as_tuple().exponent
    digits = max(0, -exponent) if isinstance(exponent, int) else 0
    return f"${amount:,.{digits}f}" if amount else "$0"


def percent(part: Decimal | int, whole: Decimal | int) -> float:
    """``part`` of ``whole`` in percent, between 0 and 100, to one digit; 0 of nothing."""
    return round(min(100.0, max(0.0, float(part) / float(whole) * 100)), 1) if whole else 0.0
