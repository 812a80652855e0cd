"""CSV, roll-up and the days that a night writes."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from cli.billing import days
from manyclaw.billing import (
    Markups,
    ReportRow,
    Tokens,
    Usage,
    closed_days,
    closes_at,
    from_csv,
    money,
    to_csv,
)
from manyclaw.errors import BadInput

ROW = ReportRow("2026-11-30", "acme", "claude-x", Usage(2, 1, Tokens(1, 2, 3, 4, 5), Decimal("0.0001000")))


def test_a_row_is_written_in_the_order_of_the_columns_and_read_back() -> None:
    text = to_csv([ROW])
    assert text.splitlines()[1] == "2026-11-30,acme,claude-x,2,1,1,2,3,4,5,0.0001,USD"
    assert from_csv(text) == {("2026-11-30", "acme", "claude-x"): ROW.usage}


@pytest.mark.parametrize(
    ("amount", "text"),
    [("0", "0"), ("0E-10", "0"), ("10.00", "10"), ("1E+2", "100"), ("0.000000130", "0.00000013")],
)
def test_the_same_amount_is_always_the_same_text(amount: str, text: str) -> None:
    assert money(Decimal(amount)) == text


def test_a_day_is_closed_when_its_last_call_must_have_settled() -> None:
    assert closes_at(date(2026, 11, 30)) == datetime(2026, 12, 1, 0, 17, tzinfo=UTC)
    early, late = (datetime(2026, 12, 1, 0, minute, tzinfo=UTC) for minute in (16, 20))
    assert closed_days(early, 1)[0] == date(2026, 11, 29)
    assert closed_days(late, 3) == [date(2026, 11, 28), date(2026, 11, 29), date(2026, 11, 30)]


def test_a_markup_begins_on_its_day() -> None:
    markups = Markups({date(2026, 12, 1): Decimal(20), date(2027, 1, 1): Decimal("-10")})
    assert [markups.on(date(2026, 11, 30)), markups.on(date(2026, 12, 31))] == [Decimal(0), Decimal(20)]
    assert markups.charge(date(2027, 2, 1), Decimal("0.5")) == Decimal("0.45")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (("2026-02", "", ""), ("2026-02-01", "2026-02-28")),
        (("2026-12", "", ""), ("2026-12-01", "2026-12-31")),
        (("2026-11-05", "", ""), ("2026-11-05", "2026-11-05")),
        (("", "2026-11-02", "2026-11-03"), ("2026-11-02", "2026-11-03")),
        (("", "", "2026-11-03"), ("2026-11-01", "2026-11-03")),
    ],
)
def test_a_period_in_words(given: tuple[str, str, str], expected: tuple[str, str]) -> None:
    assert tuple(map(str, days(*given))) == expected


@pytest.mark.parametrize(
    "given", [("2026-11", "2026-11-01", ""), ("november", "", ""), ("", "2026-11-09", "2026-11-01")]
)
def test_a_period_that_is_none(given: tuple[str, str, str]) -> None:
    with pytest.raises(BadInput):
        days(*given)
