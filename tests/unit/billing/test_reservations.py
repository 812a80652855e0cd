"""Reservations against a counter that lives in this test: its own reading of the writes, condition by condition."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from manyclaw.aws import TransactionRefused
from manyclaw.billing import (
    Allowance,
    Call,
    Gate,
    Hold,
    Limits,
    OverLimit,
    Tokens,
    Usage,
    Window,
    Windows,
    Worst,
    reservations,
)
from manyclaw.settings import Settings
from manyclaw.tenancy import TenantId, TenantScope

NOW = datetime(2026, 11, 22, 12, 0, 30, tzinfo=UTC)
SETTINGS = Settings("s", "r", "table", "bucket", "", "", "", "")
SCOPE = TenantScope(TenantId("acme"), SETTINGS, None)  # type: ignore[arg-type]


def _call(turn: str = "t1", number: int = 1) -> Call:
    return Call(turn, number, "claude-x", "7", "chat", NOW)


def _worst(tokens: int) -> Worst:
    return Worst(tokens, Decimal(tokens) / 1000)


def _hold(turn: str, tokens: int, seconds: int = 60) -> Hold:
    return Hold(turn, 1, tokens, Decimal(tokens) / 1000, int((NOW + timedelta(seconds=seconds)).timestamp()))


def _window(used: int, *holds: Hold) -> Window:
    usage = Usage(1, 0, Tokens(input=used), Decimal(used) / 1000)
    taken = used + sum(hold.tokens for hold in holds)
    return Window(usage, taken, Decimal(taken) / 1000, holds)


class Table:
    """What the counters hold; each reading gives the next of ``windows`` and then the last again."""

    def __init__(self, *windows: Window) -> None:
        self.windows = list(windows)
        self.writes: list[list[dict[str, Any]]] = []
        self.refuse = 0

    def read(self, *_: Any, **__: Any) -> Windows:
        return Windows(self.windows.pop(0) if len(self.windows) > 1 else self.windows[0])

    def write(self, items: list[dict[str, Any]]) -> None:
        self.writes.append(items)
        if self.refuse:
            self.refuse -= 1
            raise TransactionRefused([2], {}, 2 + len(items))


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Gate]:
    def make(table: Table, limits: Limits, clock: Callable[[], datetime] = lambda: NOW) -> Gate:
        monkeypatch.setattr(reservations, "read_windows", table.read)
        return Gate(SCOPE, limits, "7", Windows(table.windows[0]), NOW.date(), clock=clock, sleep=lambda _: None)

    return make


def _limits(tokens: int) -> Limits:
    return Limits(Allowance(tokens_per_day=tokens))


def test_a_call_that_fits_is_begun_with_its_reservation(gate: Callable[..., Gate]) -> None:
    table = Table(_window(100))
    held = gate(table, _limits(1_000)).reserve(_call(), _worst(900), 99, table.write)
    assert held.hold == Hold("t1", 1, 900, Decimal("0.9"), 99)
    (items,) = table.writes
    tenant = items[0]["Update"]
    assert tenant["ConditionExpression"] == (
        "attribute_not_exists(#own) AND (attribute_not_exists(taken_tokens) OR taken_tokens <= :taken_tokens)"
    )
    assert tenant["ExpressionAttributeValues"][":taken_tokens"] == {"N": "100"}
    assert "<=" not in items[1]["Update"]["ConditionExpression"], "the user has no limit of its own"


def test_a_call_that_can_never_fit_is_refused_without_a_write(gate: Callable[..., Gate]) -> None:
    table = Table(_window(101))
    with pytest.raises(OverLimit) as caught:
        gate(table, _limits(1_000)).reserve(_call(), _worst(900), 99, table.write)
    assert (caught.value.quota, table.writes) == ("tokens_per_day", [])
    assert caught.value.resets_at == datetime(2026, 11, 23, tzinfo=UTC)
    assert caught.value.retry_after == (12 * 60 - 1) * 60 + 30


def test_a_call_waits_for_reservations_that_may_settle_lower(gate: Callable[..., Gate]) -> None:
    table = Table(_window(0, _hold("t2", 500)), _window(0, _hold("t2", 500)), _window(20))
    assert gate(table, _limits(1_000)).reserve(_call(), _worst(900), 99, table.write).hold
    assert len(table.writes) == 1


def test_it_does_not_wait_for_ever(gate: Callable[..., Gate], monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter(range(0, 1_000, 5))
    monkeypatch.setattr("manyclaw.billing.reservations.time.monotonic", lambda: next(ticks))
    table = Table(_window(0, _hold("t2", 500)))
    with pytest.raises(OverLimit):
        gate(table, _limits(1_000)).reserve(_call(), _worst(900), 99, table.write)


def test_reservations_whose_time_has_passed_are_released_by_the_next_call(gate: Callable[..., Gate]) -> None:
    dead = _hold("t2", 800, seconds=-1)
    table = Table(_window(0, dead))
    gate(table, _limits(1_000)).reserve(_call(), _worst(900), 99, table.write)
    update = table.writes[0][0]["Update"]
    assert update["ExpressionAttributeValues"][":tokens"] == {"N": "100"}
    assert update["UpdateExpression"].endswith("REMOVE #freed0")
    assert update["ExpressionAttributeNames"]["#freed0"] == "hold#t2"
    assert "#freed0.#until = :until0" in update["ConditionExpression"]


def test_the_next_attempt_takes_the_dead_ones_reservation_over(gate: Callable[..., Gate]) -> None:
    table = Table(_window(0, _hold("t1", 800)))
    gate(table, _limits(1_000)).reserve(_call(number=2), _worst(900), 99, table.write)
    update = table.writes[0][0]["Update"]
    assert update["ExpressionAttributeValues"][":tokens"] == {"N": "100"}
    assert "#own.#n = :n0" in update["ConditionExpression"]
    assert "REMOVE" not in update["UpdateExpression"]


def test_a_counter_that_changed_meanwhile_is_read_again(gate: Callable[..., Gate]) -> None:
    table = Table(_window(0), _window(50))
    table.refuse = 1
    gate(table, _limits(1_000)).reserve(_call(), _worst(900), 99, table.write)
    assert len(table.writes) == 2


def test_a_refusal_of_the_turns_own_condition_is_not_ours_to_judge(gate: Callable[..., Gate]) -> None:
    table = Table(_window(0))

    def claimed(items: list[dict[str, Any]]) -> None:
        raise TransactionRefused([0], {}, 2 + len(items))

    with pytest.raises(TransactionRefused):
        gate(table, _limits(1_000)).reserve(_call(), _worst(900), 99, claimed)


def test_what_is_settled_takes_the_reservations_place(gate: Callable[..., Gate]) -> None:
    table = Table(_window(0))
    opened = gate(table, _limits(1_000))
    held = opened.reserve(_call(), _worst(900), 99, table.write)
    opened.close(held.hold, Usage(1, 0, Tokens(output=800), Decimal("0.8")))
    assert opened.percent_used() == 80
    assert opened.threshold(opened.percent_used()) == 80
    table.windows = [_window(800)]
    with pytest.raises(OverLimit):
        opened.reserve(_call("t1", 2), _worst(201), 99, table.write)


def test_a_minutes_limit_needs_no_reservation(gate: Callable[..., Gate]) -> None:
    table = Table(_window(0))
    limits = Limits(Allowance(requests_per_minute=2))
    held = gate(table, limits).reserve(_call(), _worst(900), 99, table.write)
    assert held.hold is None
    (item,) = table.writes[0]
    assert item["Update"]["Key"]["sk"] == {"S": "MINUTE#2026-11-22T12:00"}


def test_limits_are_the_same_after_storing() -> None:
    limits = Limits(Allowance(10, Decimal("2.5"), 3), Allowance(cost_per_day_usd=Decimal(1)), (50, 100))
    assert Limits.of(limits.as_map()) == limits
    assert not Limits.of(None)
    assert replace(limits, user=Allowance()).daily
