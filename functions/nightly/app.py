"""EventBridge, every night: the usage CSV of the days that are closed."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, date, datetime
from typing import Any

from manyclaw.aws import Clients
from manyclaw.billing import closed_days, write_days
from manyclaw.errors import BadInput
from manyclaw.logs import configure_logging, fields, guarded
from manyclaw.settings import settings

log = configure_logging()


@guarded
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Writes the days named in ``days`` (ISO dates), or the last ``closed_days`` that are closed.

    An event with neither does nothing; it only warms this process up.
    It raises what goes wrong, so that Lambda tries again: a CSV without some tenant would look complete.
    """
    now = datetime.now(UTC)
    found = settings()
    written = write_days(found, Clients(found.region), _days(event, now), now)
    days = [{**asdict(each), "day": str(each.day)} for each in written]
    log.info("usage reports", extra=fields(days=days))
    return {"days": days}


def _days(event: dict[str, Any], now: datetime) -> list[date]:
    try:
        if "closed_days" in event:
            return closed_days(now, int(event["closed_days"]))
        return [date.fromisoformat(day) for day in event.get("days", [])]
    except (TypeError, ValueError) as error:
        raise BadInput(f"The event names no days: {error}.", hint='Send {"days": ["2026-11-30"]}.') from None
