from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manyclaw.errors import BadInput
from manyclaw.schedules import When, parse_when

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)


def _next(text: str, zone: str = "UTC", count: int = 3, now: datetime = NOW) -> list[str]:
    return [f"{each:%Y-%m-%d %H:%M}" for each in parse_when(text, zone, now).next_times(now, count)]


def test_cron_is_read_in_its_zone() -> None:
    assert _next("cron(0 16 ? * FRI *)", "Europe/Berlin") == [
        "2026-11-27 15:00",
        "2026-12-04 15:00",
        "2026-12-11 15:00",
    ]
    assert _next("cron(0/20 9 22 11 ? 2026)") == ["2026-11-22 09:40"]
    assert _next("cron(0 0 29 2 ? *)", count=2) == ["2028-02-29 00:00", "2032-02-29 00:00"]
    assert _next("cron(0 8 ? JAN-MAR MON,1 *)", count=1) == ["2027-01-03 08:00"]


def test_a_time_that_the_clocks_skip_is_skipped_and_a_repeated_one_comes_once() -> None:
    before = datetime(2027, 3, 26, 12, tzinfo=UTC)
    assert _next("cron(30 2 * * ? *)", "Europe/Berlin", now=before) == [
        "2027-03-27 01:30",
        "2027-03-29 00:30",
        "2027-03-30 00:30",
    ]
    autumn = datetime(2026, 10, 24, 12, tzinfo=UTC)
    assert _next("cron(30 2 * * ? *)", "Europe/Berlin", 2, autumn) == ["2026-10-25 00:30", "2026-10-26 01:30"]


def test_a_one_off_time_is_an_instant() -> None:
    assert parse_when("at(2027-03-28T02:30)", "Europe/Berlin", NOW).instant == datetime(2027, 3, 28, 1, 30, tzinfo=UTC)
    assert parse_when("at(2027-10-31T02:30)", "Europe/Berlin", NOW).instant == datetime(2027, 10, 31, 0, 30, tzinfo=UTC)
    offset = parse_when("at(2026-12-01T09:00+03:00)", "Europe/Berlin", NOW)
    assert offset.for_scheduler() == ("at(2026-12-01T06:00:00)", "UTC")


def test_a_rate_counts_from_its_schedule() -> None:
    when = parse_when("every( 90  minutes )", "UTC", NOW)
    assert when == When("rate(90 minutes)")
    times = when.next_times(NOW, 2, since=NOW - timedelta(minutes=100))
    assert times == [NOW + timedelta(minutes=80), NOW + timedelta(minutes=170)]
    assert parse_when("rate(1 hours)", "UTC", NOW).expression == "rate(1 hour)"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("cron(0 9 * * *)", "has 5 fields, not six"),
        ("cron(0 9 * * * *)", "must have ?"),
        ("cron(0 9 ? * ? *)", "must have ?"),
        ("cron(60 9 * * ? *)", "'60' is no minutes"),
        ("cron(0 9 ? * FUN *)", "'FUN' is no day of week"),
        ("cron(0/0 9 * * ? *)", "'0/0' is no minutes"),
        ("cron(0 9 L * ? *)", "'L' is no day of month"),
        ("cron(0 9 30 2 ? *)", "never comes"),
        ("cron(0 9 * * ? 2020)", "never comes"),
        ("rate(0 minutes)", "no interval"),
        ("rate(-5 minutes)", "no interval"),
        ("rate(5 fortnights)", "no interval"),
        ("at(2026-11-22T09:00)", "lies in the past"),
        ("at(2036-11-22T09:00)", "more than three years"),
        ("at(tomorrow)", "no date and time"),
        ("tomorrow", "does not say when"),
        ("", "does not say when"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_reason(text: str, said: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse_when(text, "UTC", NOW)
    assert said in str(caught.value)


def test_an_unknown_zone_is_refused() -> None:
    for zone in ("Mars/Olympus", "", "../etc/passwd", "Europe/Berlin\n"):
        with pytest.raises(BadInput, match="time zone"):
            parse_when("rate(1 day)", zone, NOW)


@given(st.text(max_size=60))
def test_no_text_does_anything_but_parse_or_be_refused(text: str) -> None:
    for form in (text, f"cron({text})", f"rate({text})", f"at({text})"):
        try:
            when = parse_when(form, "Europe/Berlin", NOW)
        except BadInput:
            continue
        assert when.next_times(NOW, 1)


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/New_York"])
@pytest.mark.parametrize(
    "edge", ["0001-01-01T00:00+14:00", "9999-12-31T23:59-14:00", "0001-01-01T00:00", "9999-12-31T23:59"]
)
def test_times_at_the_edges_of_the_calendar_are_refused(edge: str, zone: str) -> None:
    with pytest.raises(BadInput):
        parse_when(f"at({edge})", zone, NOW)
