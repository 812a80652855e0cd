"""What the night's event means."""

from __future__ import annotations

from datetime import UTC, date, datetime

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
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in {"STACK": "s", "TABLE": "t", "BUCKET": "b", "TENANT_ROLE_ARN": "arn:aws:iam::1:role/x"}.items():
        monkeypatch.setenv(f"MANYCLAW_{name}", value)
    drift = (Drift("acme", "daily", "missing", repaired=True),)
    monkeypatch.setattr(app, "reconcile", lambda *_, **__: Reconciled(2, 1, drift, (("globex", "It is busy."),)))
    with pytest.raises(Unavailable, match="The schedules of 1 tenants"):
        app._schedules(lambda: 900.0)
    printed = capsys.readouterr()
    lines = printed.out + printed.err
    for said in ("schedule drifted", "ScheduleDrift", "SchedulesUnchecked", "It is busy.", '"kind": "missing"'):
        assert said in lines
