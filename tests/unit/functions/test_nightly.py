"""What the night's event means."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from functions.nightly import app
from manyclaw.errors import BadInput
from tests.events import event

NOW = datetime(2026, 12, 1, 0, 20, tzinfo=UTC)


def test_the_schedule_asks_for_the_days_that_are_closed() -> None:
    assert app._days(event("scheduler/nightly"), NOW) == [date(2026, 11, day) for day in (28, 29, 30)]


def test_days_can_be_named_and_none_is_nothing() -> None:
    assert app._days({"days": ["2026-11-30"]}, NOW) == [date(2026, 11, 30)]
    assert app._days({}, NOW) == []


@pytest.mark.parametrize("given", [{"days": ["yesterday"]}, {"days": 3}, {"closed_days": "many"}])
def test_an_event_that_makes_no_sense_is_refused(given: dict[str, object]) -> None:
    with pytest.raises(BadInput):
        app._days(given, NOW)
