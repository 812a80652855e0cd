"""The dashboard's and the API's own arithmetic."""

from __future__ import annotations

import contextlib
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.api.dashboard.charts import day_chart, nice_ceiling, percent
from functions.api.dashboard.figures import Month, gauge, projected
from functions.api.dashboard.pages import compact, until, usd
from functions.api.period import decode_cursor, encode_cursor, period
from functions.api.usage import csv_text
from manyclaw.billing import Quota, Tokens, Usage, UsageGroup, UsageReport
from manyclaw.errors import BadInput

NOVEMBER = Month(date(2026, 11, 1))


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (datetime(2026, 11, 16, tzinfo=UTC), Decimal(20)),  # half of it cost 10
        (datetime(2026, 11, 2, tzinfo=UTC), Decimal(300)),
        (datetime(2026, 11, 1, 23, 59, tzinfo=UTC), None),  # hours say nothing of a month
        (datetime(2026, 12, 1, tzinfo=UTC), None),  # it is over
    ],
)
def test_the_projection_goes_on_at_the_pace_so_far(now: datetime, expected: Decimal | None) -> None:
    assert projected(Decimal(10), NOVEMBER, now) == expected


def test_a_month_is_read_and_has_neighbours() -> None:
    today = date(2026, 11, 22)
    assert Month.read("", today) == NOVEMBER
    assert Month.read("2026-02", today).last == date(2026, 2, 28)
    assert (NOVEMBER.before.text, NOVEMBER.after(today)) == ("2026-10", None)
    assert Month(date(2026, 10, 1)).after(today) == NOVEMBER
    for wrong in ("2026-12", "2026-13", "November", "0000-01", "2026-11-01"):
        with pytest.raises(BadInput):
            Month.read(wrong, today)


@given(st.decimals(min_value=0, max_value=10**9, places=6))
def test_an_axis_reaches_its_highest_bar_in_a_few_round_steps(value: Decimal) -> None:
    top, step = nice_ceiling(value)
    assert top >= value
    assert 1 <= top / step <= 5
    assert (top / step) % 1 == 0


def test_bars_are_as_high_as_their_amounts_and_stand_on_each_other() -> None:
    days = [date(2026, 11, 1) + timedelta(days=number) for number in range(30)]
    series = [{days[0]: Decimal(4)}, {days[0]: Decimal(4), days[9]: Decimal(8)}]
    chart = day_chart(days, series, kind="wide", width=860, height=240, every=10)
    first, tenth = chart.bars[0], chart.bars[9]
    assert sum(part.height for part in first.segments) == pytest.approx(tenth.segments[0].height)
    assert first.segments[1].y + first.segments[1].height == pytest.approx(first.segments[0].y)
    assert [bar.label for bar in chart.bars if bar.label] == ["1", "10", "20", "30"]
    assert min(part.y for bar in chart.bars for part in bar.segments) >= min(tick.y for tick in chart.ticks)


def test_nothing_used_is_an_empty_chart() -> None:
    chart = day_chart([date(2026, 11, 1)], [{}], kind="wide", width=860, height=240, every=5)
    assert chart.bars[0].segments == ()
    assert percent(Decimal(0), Decimal(0)) == 0


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        ("0", "$0.00"),
        ("0.0000001", "&lt; $0.0001"),
        ("0.045768", "$0.0458"),
        ("0.456", "$0.46"),
        ("1234.565", "$1,234.57"),
    ],
)
def test_money_is_shown_short_and_kept_exact(amount: str, shown: str) -> None:
    assert str(usd(Decimal(amount))) == f'<data value="{amount}">{shown}</data>'


def test_large_numbers_are_shown_short() -> None:
    texts = {number: str(compact(number)).split(">")[1].split("<")[0] for number in (999, 9_999, 54_321, 1_250_000)}
    assert texts == {999: "999", 9_999: "9,999", 54_321: "54.3 k", 1_250_000: "1.2 M"}
    now = datetime(2026, 11, 22, 20, 40, tzinfo=UTC)
    assert until(now + timedelta(hours=3, minutes=20), now) == "3 h 20 min"
    assert until(now + timedelta(seconds=20), now) == "1 min"


@pytest.mark.parametrize(
    ("limit", "used", "reserved", "bars", "level"),
    [
        (100, 50, 20, (50.0, 20.0), "fine"),
        (100, 50, 40, (50.0, 40.0), "high"),
        (100, 90, 40, (90.0, 10.0), "full"),
        (100, 130, 0, (100.0, 0.0), "full"),
        (0, 0, 0, (100.0, 0.0), "full"),
        (None, 7, 0, (0.0, 0.0), "fine"),
    ],
)
def test_a_limits_bar_never_runs_over(
    limit: int | None, used: int, reserved: int, bars: tuple[float, float], level: str
) -> None:
    made = gauge(Quota("tokens_per_day", limit, used, reserved, None, datetime.now(UTC)))
    assert ((made.used, made.reserved), made.level) == (bars, level)


def test_the_csv_has_stable_columns_and_exact_amounts() -> None:
    usage = Usage(2, 1, Tokens(3, 1_059, 73_030, 2_124, 0), Decimal("0.045768"))
    report = UsageReport(date(2026, 11, 1), date(2026, 11, 2), "model", usage, [UsageGroup('claude, "x"', usage)])
    assert csv_text(report).splitlines() == [
        "model,requests,tool_calls,input_tokens,output_tokens,cache_read_tokens,cache_write_5m_tokens,"
        "cache_write_1h_tokens,cost_usd",
        '"claude, ""x""",2,1,3,1059,73030,2124,0,0.045768',
    ]


def test_a_period_is_checked() -> None:
    assert period(date(2026, 1, 1), date(2026, 12, 31)).last == date(2026, 12, 31)
    assert period(None, date(2026, 11, 22)).first == date(2026, 11, 1)
    for first, last in ((date(2026, 2, 1), date(2026, 1, 1)), (date(2025, 1, 1), date(2026, 12, 31))):
        with pytest.raises(BadInput):
            period(first, last)


@given(st.text(max_size=100))
def test_a_cursor_comes_back_and_no_other_text_is_one_by_accident(text: str) -> None:
    if text.isprintable():
        assert decode_cursor(encode_cursor(text)) == text
    with contextlib.suppress(BadInput):
        decode_cursor(text)
