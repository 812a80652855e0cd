"""What the night's event means."""

from __future__ import annotations

from datetime import UTC, date, datetime
from types import SimpleNamespace

import pytest

from functions.nightly import app
from manyclaw.errors import BadInput, Unavailable
from manyclaw.schedules import Drift, Reconciled
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


def test_the_round_over_schedules_counts_what_drifted_and_fails_for_whom_it_could_not_look_at(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    drift = (Drift("acme", "daily", "missing", repaired=True),)
    seconds: list[float] = []

    def round_(*_: object, seconds: float, told: list[float] = seconds) -> Reconciled:
        told.append(seconds)
        return Reconciled(2, 1, drift, (("globex", "It is busy."),))

    monkeypatch.setattr(app, "settings", lambda: SimpleNamespace(region="us-east-1", table="t"))
    monkeypatch.setattr(app, "reconcile", round_)
    with pytest.raises(Unavailable, match="The schedules of 1 tenants"):
        app._schedules(lambda: 900.0)
    assert seconds == [840.0]
    assert caplog.messages == [
        "schedule drifted",
        "schedules not looked at",
        "ScheduleDrift",
        "SchedulesUnchecked",
        "schedules reconciled",
    ]
