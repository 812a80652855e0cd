"""What the pages tell, in numbers: a month of one tenant, or of all."""

from __future__ import annotations

import calendar
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from functions.api.dashboard.charts import MOST_SERIES, BarChart, day_chart, percent
from manyclaw.billing import DayUsage, Quota, Usage, UsageGroup, quota_status, usage_by_day, usage_report
from manyclaw.errors import BadInput
from manyclaw.tenancy import TenantScope

MOST_USERS = 10


@dataclass(frozen=True)
class Month:
    """A calendar month in UTC."""

    first: date

    @classmethod
    def read(cls, text: str, today: date) -> Month:
        """``2026-11``; this month from "". Raises ``BadInput`` for anything else, and for a month to come."""
        if not text:
            return cls(today.replace(day=1))
        try:
            first = datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC).date()
        except ValueError:
            raise BadInput(f"{text[:20]!r} is not a month.", hint="Write it like 2026-11.") from None
        if first > today:
            raise BadInput(f"{text} has not begun.")
        return cls(first)

    @property
    def days(self) -> int:
        return calendar.monthrange(self.first.year, self.first.month)[1]

    @property
    def last(self) -> date:
        return self.first.replace(day=self.days)

    @property
    def name(self) -> str:
        return f"{calendar.month_name[self.first.month]} {self.first.year}"

    @property
    def text(self) -> str:
        return f"{self.first:%Y-%m}"

    @property
    def before(self) -> Month:
        return Month((self.first - timedelta(days=1)).replace(day=1))

    def after(self, today: date) -> Month | None:
        """The next month; None when it has not begun."""
        following = self.last + timedelta(days=1)
        return Month(following) if following <= today else None


def projected(cost: Decimal, month: Month, now: datetime) -> Decimal | None:
    """What ``month`` will have cost at its end if it goes on as it went so far, in USD.

    None for a month that is over, and on the first day: an hour says nothing of a month.
    """
    began = datetime(month.first.year, month.first.month, 1, tzinfo=UTC)
    elapsed = Decimal((now - began) / timedelta(seconds=1)) / 86_400
    if elapsed < 1 or elapsed >= month.days:
        return None
    return cost * month.days / elapsed


@dataclass(frozen=True)
class Line:
    """A row of a table with a bar: ``share`` is in percent of the period's cost; ``series`` is its colour, or -1."""

    name: str
    usage: Usage
    share: float
    series: int = -1


@dataclass(frozen=True)
class Gauge:
    """A limit as a bar, in percent of it; without a limit only what was used."""

    quota: Quota
    title: str
    unit: str
    used: float
    reserved: float

    @property
    def level(self) -> str:
        filled = self.used + self.reserved
        return "full" if filled >= 100 else "high" if filled >= 80 else "fine"


@dataclass(frozen=True)
class Overview:
    """One tenant's month."""

    month: Month
    total: Usage
    projected: Decimal | None
    charts: tuple[BarChart, ...]
    days: list[tuple[date, Usage]]
    models: list[Line]
    users: list[Line]
    more_users: int
    sources: list[Line]
    gauges: list[Gauge]


_TITLES = {
    "tokens_per_day": ("Tokens today", "tokens"),
    "cost_per_day_usd": ("Cost today", "usd"),
    "requests_per_minute": ("Requests this minute", "requests"),
}


def overview(scope: TenantScope, month: Month, now: datetime) -> Overview:
    """A tenant's month, read from its counters: four requests."""
    last = min(month.last, now.date())
    by_day = usage_by_day(scope, month.first, last)
    total = sum(by_day, Usage())
    models = _models(by_day, total)
    users = usage_report(scope, month.first, last, "user").groups
    sources = usage_report(scope, month.first, last, "source").groups
    return Overview(
        month=month,
        total=total,
        projected=projected(total.cost_usd, month, now),
        charts=_charts(by_day, models, month),
        days=_days(by_day),
        models=models,
        users=_lines(users[:MOST_USERS], total),
        more_users=max(0, len(users) - MOST_USERS),
        sources=_lines(sources, total) if len(sources) > 1 else [],
        gauges=[gauge(each) for each in quota_status(scope, now)],
    )


def _lines(groups: list[UsageGroup], total: Usage) -> list[Line]:
    return [Line(each.name, each.usage, percent(each.usage.cost_usd, total.cost_usd)) for each in groups]


def _models(by_day: list[DayUsage], total: Usage) -> list[Line]:
    sums: dict[str, Usage] = defaultdict(Usage)
    for each in by_day:
        sums[each.model] += each
    ranked = sorted(sums.items(), key=lambda item: (-item[1].cost_usd, item[0]))
    return [
        Line(name, usage, percent(usage.cost_usd, total.cost_usd), min(number, MOST_SERIES - 1))
        for number, (name, usage) in enumerate(ranked)
    ]


def _days(by_day: list[DayUsage]) -> list[tuple[date, Usage]]:
    sums: dict[date, Usage] = defaultdict(Usage)
    for each in by_day:
        sums[each.day] += each
    return sorted(sums.items(), reverse=True)


def _charts(by_day: list[DayUsage], models: list[Line], month: Month) -> tuple[BarChart, ...]:
    """The same chart for a wide and for a narrow screen: text in an SVG shrinks with it."""
    colours = {line.name: line.series for line in models}
    series: list[dict[date, Decimal]] = [defaultdict(Decimal) for _ in range(max(colours.values(), default=0) + 1)]
    for each in by_day:
        series[colours[each.model]][each.day] += each.cost_usd
    days = [month.first + timedelta(days=number) for number in range(month.days)]
    return (
        day_chart(days, series, kind="wide", width=860, height=240, every=5),
        day_chart(days, series, kind="narrow", width=360, height=220, every=10),
    )


def gauge(quota: Quota) -> Gauge:
    """A limit as a bar."""
    title, unit = _TITLES.get(quota.name, (quota.name.replace("_", " ").capitalize(), "requests"))
    limit = quota.limit
    if not limit:
        filled = 100.0 if limit == 0 else 0.0
        return Gauge(quota, title, unit, filled, 0.0)
    used = percent(quota.used, limit)
    return Gauge(quota, title, unit, used, min(percent(quota.reserved, limit), round(100 - used, 1)))
