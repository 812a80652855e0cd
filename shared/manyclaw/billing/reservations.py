"""Reservations: a call that might pass a limit is not made, however many turns run at once.

Before a call its worst case (the longest that its prompt can be, and ``max_tokens``) is added to ``taken_tokens`` and
``taken_usd`` of the day's counters, on the condition that they then stay within the limit; the condition is part of the
transaction that writes the call's ledger row, so there is no moment between looking and taking. The settlement turns
the reservation into what was used, in the transaction that settles the row.

A turn has one reservation at a time, under its own name. The next attempt of a turn that died takes its reservation
over; where no attempt comes, others release it once its time has passed, which is after its process is dead for
certain. DynamoDB cannot add in a condition, so releases are planned from a picture of the counter and hold only if the
reservations in it are still the same.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from manyclaw.aws import TransactionRefused, to_item
from manyclaw.billing.counters import Usage, total_key, user_key
from manyclaw.billing.holding import Worst, freed_by, take, taken_by
from manyclaw.billing.ledger import Call
from manyclaw.billing.limits import Allowance, Limits
from manyclaw.billing.windows import Hold, Window, Windows, minute_key, next_day, next_minute, read_windows
from manyclaw.errors import RetryableError, Unavailable
from manyclaw.tenancy import Key, TenantScope

PATIENCE_SECONDS = 15.0
"""How long a call waits for others' reservations to settle when it would fit into what is used without them."""

_MINUTES_KEPT = 300


class OverLimit(RetryableError):
    """The call does not fit into a limit and was not made.

    Attributes
    ----------
    quota
        The limit's name, as in :class:`~manyclaw.billing.Quota`.
    resets_at
        UTC; ``retry_after`` is the seconds until then.
    window
        The counter's key, where it is kept who has been told.
    told
        Whom the counter names as told already.
    """

    http_status = 429

    def __init__(self, quota: str, resets_at: datetime, window: Key, told: frozenset[str], now: datetime) -> None:
        seconds = max(0.0, (resets_at - now).total_seconds())
        super().__init__(f"The limit {quota} leaves no room for the call.", retry_after=seconds)
        self.quota = quota
        self.resets_at = resets_at
        self.window = window
        self.told = told


class Gate:
    """A tenant's limits as one turn of one user meets them.

    Parameters
    ----------
    windows
        The counters as they were when the turn began, on ``day``; read again whenever they prove old.
    """

    def __init__(
        self,
        scope: TenantScope,
        limits: Limits,
        user: str,
        windows: Windows,
        day: date,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._scope = scope
        self._limits = limits
        self._user = user
        self._windows = windows
        self._day = day
        self._minute = datetime.min.replace(tzinfo=UTC)
        self._clock = clock
        self._sleep = sleep

    def reserve(self, call: Call, worst: Worst, until: int, write: Callable[[list[dict[str, Any]]], None]) -> Call:
        """Begin ``call`` with its reservation, or not at all; gives the call with what it holds.

        Parameters
        ----------
        until
            Unix seconds after which this process is dead for certain.
        write
            Writes the ledger row in one transaction with the items that it is given, which stand last in it.

        Raises
        ------
        OverLimit
            It does not fit.
        Unavailable
            The counters changed before each write, for :data:`PATIENCE_SECONDS`.
        TransactionRefused
            By a condition of ``write``'s own.
        """
        held = Hold(call.turn, call.number, worst.tokens, worst.usd, until)
        deadline = time.monotonic() + PATIENCE_SECONDS
        fresh = False
        while True:
            now = self._clock()
            if call.day != self._day:
                self._read(call.day)
                fresh = True
            over = self._over(worst, call.turn, now)
            if over is not None and fresh and (over.definite or time.monotonic() > deadline):
                raise over.error
            if over is None and self._written(held, write, now):
                return replace(call, hold=held if self._limits.daily else None)
            if time.monotonic() > deadline:
                raise Unavailable("The tenant's counters change too quickly to reserve in.", retry_after=2)
            if fresh:
                self._sleep(random.uniform(0.02, 0.2))  # noqa: S311
            self._read(call.day)
            fresh = True

    def _written(self, held: Hold, write: Callable[[list[dict[str, Any]]], None], now: datetime) -> bool:
        """Whether the call began; False when the counters were not as in the picture."""
        items = list(self._items(held, now))
        try:
            write(items)
        except TransactionRefused as refused:
            if not refused.among_last(len(items)):
                raise
            return False
        self._keep(held, now)
        return True

    def close(self, hold: Hold | None, used: Usage) -> None:
        """What this turn held is settled: ``used`` took its place (nothing, if the call was refused)."""
        windows = []
        for window in (self._windows.tenant, self._windows.user):
            free = hold if hold in window.holds else None
            windows.append(
                replace(
                    window,
                    usage=window.usage + used,
                    taken_tokens=window.taken_tokens + used.tokens.total - (free.tokens if free else 0),
                    taken_usd=window.taken_usd + used.cost_usd - (free.usd if free else 0),
                    holds=tuple(each for each in window.holds if each != hold),
                )
            )
        self._windows = replace(self._windows, tenant=windows[0], user=windows[1])

    def percent_used(self) -> int:
        """How much of the tenant's daily limits is used, rounded down; of the one that is used most."""
        allowed, usage = self._limits.tenant, self._windows.tenant.usage
        parts = [
            used * 100 // limit
            for used, limit in (
                (usage.tokens.total, allowed.tokens_per_day),
                (usage.cost_usd, allowed.cost_per_day_usd),
            )
            if limit
        ]
        return int(max(parts, default=0))

    def threshold(self, percent: int) -> int:
        """The highest of the operator's warning thresholds that ``percent`` reaches; 0 if none."""
        return max((each for each in self._limits.warn_at if each <= percent), default=0)

    def describe(self) -> str:
        """The tenant's daily limits with what is used of them, for people."""
        allowed, usage = self._limits.tenant, self._windows.tenant.usage
        parts = []
        if allowed.cost_per_day_usd is not None:
            parts.append(f"{usage.cost_usd:.2f} / {allowed.cost_per_day_usd:.2f} USD")
        if allowed.tokens_per_day is not None:
            parts.append(f"{usage.tokens.total:,} / {allowed.tokens_per_day:,} tokens")
        return ", ".join(parts)

    @property
    def day(self) -> date:
        return self._day

    @property
    def resets_at(self) -> datetime:
        """When the daily limits begin anew, UTC."""
        return next_day(self._day)

    @property
    def warned(self) -> int:
        """The highest percentage that the owners were told of today, by this turn's picture of the counters."""
        return self._windows.tenant.warned

    def _read(self, day: date) -> None:
        now = self._clock()
        self._windows = read_windows(self._scope, now, self._user, day=day)
        self._day, self._minute = day, now

    def _days(self) -> Iterator[tuple[str, Key, Window, Allowance]]:
        yield "", total_key(self._scope, self._day), self._windows.tenant, self._limits.tenant
        yield "user_", user_key(self._scope, self._day, self._user), self._windows.user, self._limits.user

    def _minutes(self, now: datetime) -> Iterator[tuple[str, Key, Window, int]]:
        """The limits a minute; a picture of another minute says nothing."""
        same = next_minute(self._minute) == next_minute(now)
        for prefix, user, window, allowed in (
            ("", "", self._windows.minute, self._limits.tenant),
            ("user_", self._user, self._windows.user_minute, self._limits.user),
        ):
            if allowed.requests_per_minute is not None:
                key = minute_key(self._scope, now, user)
                yield prefix, key, window if same else Window(), allowed.requests_per_minute

    def _over(self, worst: Worst, turn: str, now: datetime) -> _Over | None:
        """Which limit is in the way, by the picture; one that only reservations are in the way of comes last."""
        found: list[_Over] = []
        for prefix, key, window, limit in self._minutes(now):
            if window.usage.requests >= limit:
                name = f"{prefix}requests_per_minute"
                found.append(_Over(True, OverLimit(name, next_minute(now), key, window.told, now)))
        for prefix, key, window, allowed in self._days():
            freed = freed_by(window, turn, now)
            tokens, usd = sum(hold.tokens for hold in freed), sum((hold.usd for hold in freed), Decimal(0))
            for name, limit_, used, taken, more in (
                ("tokens_per_day", allowed.tokens_per_day, window.usage.tokens.total, window.taken_tokens - tokens,
                 worst.tokens),
                ("cost_per_day_usd", allowed.cost_per_day_usd, window.usage.cost_usd, window.taken_usd - usd,
                 worst.usd),
            ):  # fmt: skip
                if limit_ is not None and taken + more > limit_:
                    error = OverLimit(f"{prefix}{name}", next_day(self._day), key, window.told, now)
                    found.append(_Over(used + more > limit_, error))
        return max(found, key=lambda over: over.definite, default=None)

    def _items(self, held: Hold, now: datetime) -> Iterator[dict[str, Any]]:
        if self._limits.daily:
            for _, key, window, allowed in self._days():
                yield {"Update": take(self._scope, key, window, allowed, held, now)}
        for _, key, _, limit in self._minutes(now):
            yield {
                "Update": {
                    "TableName": self._scope.table,
                    "Key": key.wire(),
                    "UpdateExpression": "ADD requests :one SET expires_at = :expires",
                    "ConditionExpression": "attribute_not_exists(requests) OR requests < :limit",
                    "ExpressionAttributeValues": to_item(
                        {":one": 1, ":limit": limit, ":expires": int(now.timestamp()) + _MINUTES_KEPT}
                    ),
                }
            }

    def _keep(self, held: Hold, now: datetime) -> None:
        """The picture as the write that has just succeeded left it."""
        if self._limits.daily:
            windows = [taken_by(window, held, now) for _, _, window, _ in self._days()]
            self._windows = replace(self._windows, tenant=windows[0], user=windows[1])


@dataclass(frozen=True)
class _Over:
    """``definite`` when the call would not fit either if all that is reserved by others were given back."""

    definite: bool
    error: OverLimit
