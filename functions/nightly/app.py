"""EventBridge, every night: the usage CSV of the days that are closed, and schedules that drifted from their jobs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, date, datetime
from typing import Any

from manyclaw.aws import Clients
from manyclaw.billing import closed_days, write_days
from manyclaw.errors import BadInput, Unavailable
from manyclaw.logs import configure_logging, fields, guarded, metric
from manyclaw.schedules import reconcile
from manyclaw.settings import settings
from manyclaw.tenancy import GatewayTable, Registry, ScopeFactory

log = configure_logging()

_KEEP_SECONDS = 60.0
"""What is left of the function's time for the tenants that a round has begun."""


@guarded
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Writes the days named in ``days`` (ISO dates), or the last ``closed_days`` that are closed; with ``schedules``,
    reconciles all tenants' schedules with their jobs instead.

    An event with none of them does nothing; it only warms this process up.
    It raises what goes wrong, so that Lambda tries again: a CSV without some tenant would look complete.
    """
    if event.get("schedules"):
        return _schedules(lambda: context.get_remaining_time_in_millis() / 1000)
    now = datetime.now(UTC)
    found = settings()
    written = write_days(found, Clients(found.region), _days(event, now), now)
    days = [{**asdict(each), "day": str(each.day)} for each in written]
    log.info("usage reports", extra=fields(days=days))
    return {"days": days}


def _schedules(seconds_left: Callable[[], float]) -> dict[str, Any]:
    found = settings()
    clients = Clients(found.region)
    scopes = ScopeFactory(found, clients)
    registry = Registry(GatewayTable(found, clients), scopes)
    done = reconcile(found, clients, scopes, registry.all, seconds=seconds_left() - _KEEP_SECONDS)
    for each in done.drift:
        log.warning("schedule drifted", extra=fields(**asdict(each)))
    for tenant, error in done.failed:
        log.error("schedules not looked at", extra=fields(tenant=tenant, error=error))
    for name, count in (("ScheduleDrift", len(done.drift)), ("SchedulesUnchecked", done.unchecked)):
        if count:
            metric(log, name, count)
    log.info("schedules reconciled", extra=fields(tenants=done.tenants, drift=len(done.drift)))
    if done.failed:
        raise Unavailable(f"The schedules of {len(done.failed)} tenants could not be looked at.", retry_after=60)
    return {"tenants": done.tenants, "unchecked": done.unchecked, "drift": [asdict(each) for each in done.drift]}


def _days(event: dict[str, Any], now: datetime) -> list[date]:
    try:
        if "closed_days" in event:
            return closed_days(now, int(event["closed_days"]))
        return [date.fromisoformat(day) for day in event.get("days", [])]
    except (TypeError, ValueError) as error:
        raise BadInput(f"The event names no days: {error}.", hint='Send {"days": ["2026-11-30"]}.') from None
