from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from manyclaw.errors import BadInput
from manyclaw.schedules import PRESETS, Due, Job, Run, check_spec, job_id, preset, why_not
from manyclaw.schedules.book import check_deliveries

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
SPEC = check_spec({"prompt": "news", "when": "cron(30 9 * * ? *)", "chats": ["5"]}, NOW)
JOB = Job("news", SPEC, version=3)
AT_WORK = Run("news", "2026-11-22T09:29:00Z", "running", started_at="2026-11-22T09:29:01.000Z")


def _why_not(job: Job = JOB, **given: Any) -> str:
    due = Due("news", given.pop("moment", NOW), given.pop("version", 3), given.pop("by_hand", False))
    facts: dict[str, Any] = {
        "status": "active",
        "now": NOW,
        "before": None,
        "spent": Decimal(0),
        "paired": True,
    } | given
    return why_not(job, due, **facts)


def _with(**changes: Any) -> Job:
    return replace(JOB, spec=SPEC.model_copy(update=changes))


def test_a_due_time_is_run() -> None:
    assert _why_not() == ""
    assert _why_not(before=replace(AT_WORK, outcome="done")) == ""


@pytest.mark.parametrize("by_hand", [False, True])
def test_nothing_runs_for_a_tenant_that_is_not_served(by_hand: bool) -> None:
    assert _why_not(status="suspended", by_hand=by_hand) == "the tenant is suspended"
    assert _why_not(paired=False, by_hand=by_hand) == "no bot is paired"
    paid_out = _with(budget_day_usd=Decimal("0.5"))
    assert "budget of 0.5 USD" in _why_not(paid_out, spent=Decimal("0.5"), by_hand=by_hand)


def test_by_hand_a_job_runs_also_when_it_is_off_late_or_at_work() -> None:
    long_ago = NOW - timedelta(days=3)
    assert _why_not(_with(enabled=False), by_hand=True, before=AT_WORK, moment=long_ago, version=0) == ""


def test_overlap() -> None:
    assert "is still at work" in _why_not(before=AT_WORK)
    assert _why_not(_with(overlap="queue"), before=AT_WORK) == ""
    dead = replace(AT_WORK, started_at="2026-11-22T02:00:00.000Z")
    assert _why_not(before=dead) == ""


def test_misfire() -> None:
    late = NOW - timedelta(minutes=10)
    assert _why_not(moment=late) == ""
    assert "10 minutes late; 5 are allowed" in _why_not(_with(late_minutes=5), moment=late)
    a_minute = NOW - timedelta(seconds=90)
    assert _why_not(_with(late_minutes=0), moment=a_minute) == ""


def test_a_schedule_that_is_out_of_date_counts_only_where_it_still_says_the_same() -> None:
    assert _why_not(version=2) == ""
    assert "out of date" in _why_not(version=2, moment=NOW - timedelta(minutes=1))
    assert "switched off" in _why_not(_with(enabled=False))
    assert "paused: 5 runs" in _why_not(replace(_with(enabled=False), paused="5 runs in a row failed"))


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"prompt": "x"},
        {"prompt": " ", "when": "rate(1 day)"},
        {"kind": "tool", "when": "rate(1 day)"},
        {"kind": "tool", "tool": "rm", "when": "rate(1 day)"},
        {"prompt": "x", "when": "rate(1 day)", "chats": []},
        {"prompt": "x", "when": "rate(1 day)", "chats": ["ann"]},
        {"prompt": "x", "when": "rate(1 day)", "budget_day_usd": "-1"},
        {"prompt": "x", "when": "rate(1 day)", "late_minutes": 100_000},
        {"prompt": "x", "when": "rate(1 day)", "colour": "red"},
        {"prompt": "x" * 20_001, "when": "rate(1 day)"},
        {"prompt": "x", "when": "rate(4 minutes)"},
        {"prompt": "x", "when": "cron(* * * * ? *)"},
        {"prompt": "x", "when": "cron(0,4 9 * * ? *)"},
        {"prompt": "x", "when": "cron(0,58 * * * ? *)"},
        {"prompt": "x", "when": "rate(1 day)", "chats": [str(number) for number in range(1_001)]},
    ],
)
def test_jobs_that_make_no_sense_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(BadInput):
        check_spec(values, NOW, frozenset({"current_time"}))


@pytest.mark.parametrize("name", ["", "A", "a" * 32, "a.b", "a#b", "a/b", "ä", None, 5])
def test_names_that_are_no_jobs(name: object) -> None:
    with pytest.raises(BadInput):
        job_id(name)


def test_the_presets_are_off_and_good_in_any_zone() -> None:
    for name in PRESETS:
        found = preset(name, "Asia/Tokyo")
        assert found is not None
        assert not found.spec.enabled
        assert check_spec({**found.spec.model_dump(), "enabled": True}, NOW).zone == "Asia/Tokyo"
    assert preset("friday") is None


def test_a_job_may_name_a_tool_that_the_tenant_may_call_and_can_be_switched_off_when_it_may_not() -> None:
    values = {"kind": "tool", "tool": "book_table", "when": "rate(1 day)", "chats": ["5"]}
    assert check_spec(values, NOW, frozenset({"book_table"})).tool == "book_table"
    with pytest.raises(BadInput, match="may not call a tool 'book_table'"):
        check_spec(values, NOW, frozenset({"current_time"}))
    assert not check_spec({**values, "enabled": False}, NOW, frozenset()).enabled


@pytest.mark.parametrize(
    ("when", "runs"),
    [
        ("rate(5 minutes)", 288),
        ("rate(7 hours)", 4),
        ("rate(7 days)", 1),
        ("cron(*/5 * * * ? *)", 288),
        ("cron(0 9,17 ? * MON *)", 2),
        ("at(2026-12-24T18:00)", 1),
    ],
)
def test_how_often_a_job_comes_on_its_busiest_day(when: str, runs: int) -> None:
    spec = check_spec({"prompt": "x", "when": when, "chats": ["5", "6"]}, NOW)
    assert Job("often", spec).deliveries_a_day == 2 * runs
    assert Job("often", spec.model_copy(update={"enabled": False})).deliveries_a_day == 0
    assert Job("often", spec.model_copy(update={"chats": "active"})).deliveries_a_day == 0


def test_a_job_that_comes_too_often_can_be_switched_off() -> None:
    assert not check_spec({"prompt": "x", "when": "rate(1 minute)", "enabled": False}, NOW).enabled


def test_a_chat_that_is_named_twice_is_one() -> None:
    spec = check_spec({"prompt": "x", "when": "rate(1 day)", "chats": ["6", "5", "6", "5:1"]}, NOW)
    assert spec.chats == ("6", "5", "5:1")


def test_a_tenants_jobs_together_go_to_so_many_chats_a_day() -> None:
    chats = [str(number) for number in range(1_000)]
    hourly = check_spec({"prompt": "x", "when": "rate(2 hours)", "chats": chats}, NOW)
    one, two = Job("one", hourly), Job("two", hourly)
    check_deliveries(one, [one])
    with pytest.raises(BadInput, match="24000 times a day; 20000 are allowed"):
        check_deliveries(two, [one])
    check_deliveries(two, [replace(one, spec=hourly.model_copy(update={"enabled": False}))])
