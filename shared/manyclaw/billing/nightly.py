"""The night's work: each closed day's use of all tenants as a CSV in the bucket."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from manyclaw.aws import Clients
from manyclaw.billing.reports import closes_at, report, to_csv, write_report
from manyclaw.billing.tenants import billed_tenants
from manyclaw.errors import BadInput
from manyclaw.settings import Settings
from manyclaw.tenancy import GatewayTable, ScopeFactory


@dataclass(frozen=True)
class Written:
    """What became of one day: how many rows, and whether the file changed."""

    day: date
    rows: int
    changed: bool


def write_days(settings: Settings, clients: Clients, days: list[date], now: datetime) -> list[Written]:
    """Write the CSV of each day; the same day always gives the same bytes, so repeating it changes nothing.

    Raises
    ------
    BadInput
        A day is not closed: something of it could still change.
    """
    for day in days:
        if closes_at(day) > now:
            raise BadInput(f"{day} is not closed before {closes_at(day):%Y-%m-%d %H:%M} UTC.", hint="Ask again later.")
    if not days:
        return []
    factory = ScopeFactory(settings, clients)
    scopes = [factory.open(tenant) for tenant in billed_tenants(GatewayTable(settings, clients))]
    rows = report(scopes, min(days), max(days))
    written = []
    for day in days:
        mine = [row for row in rows if row.period == str(day)]
        written.append(Written(day, len(mine), write_report(clients.s3, settings.bucket, day, to_csv(mine))))
    return written


def closed_days(now: datetime, count: int) -> list[date]:
    """The last ``count`` days that are closed at ``now``, in order."""
    day = now.astimezone(UTC).date() - timedelta(days=1)
    if closes_at(day) > now:
        day -= timedelta(days=1)
    return [day - timedelta(days=back) for back in reversed(range(count))]
