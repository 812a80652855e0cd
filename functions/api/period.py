"""The period of a report, and the cursor into its rows."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Annotated

from fastapi import Query

from manyclaw.errors import BadInput

LONGEST_DAYS = 366


@dataclass(frozen=True)
class Period:
    """Days in UTC, both included."""

    first: date
    last: date


def period(
    from_: Annotated[
        date | None, Query(alias="from", description="First day, UTC; the month's first by default.")
    ] = None,
    to: Annotated[date | None, Query(description="Last day, UTC; today by default.")] = None,
) -> Period:
    """The period that a request asks for. Raises ``BadInput`` when it is upside down, or over a year."""
    last = to or datetime.now(UTC).date()
    first = from_ or last.replace(day=1)
    if first > last:
        raise BadInput(f"The period begins on {first}, after its end on {last}.", hint="Give the earlier day first.")
    if (last - first) >= timedelta(days=LONGEST_DAYS):
        raise BadInput(f"The period is longer than {LONGEST_DAYS} days.", hint="Ask for a part of it at a time.")
    return Period(first, last)


def encode_cursor(text: str) -> str:
    """A cursor that nobody is tempted to build."""
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode_cursor(cursor: str) -> str:
    """What :func:`encode_cursor` was given. Raises ``BadInput``."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        return base64.b64decode(padded.encode("ascii"), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise BadInput("That is not a cursor.", hint="Give the next_cursor of the page before, or none.") from None
