"""A turn's model calls in the books: begun within the tenant's limits, then settled or refused."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from manyclaw.agent.journal import Unwritable
from manyclaw.agent.loading import Loaded
from manyclaw.agent.prompt import Frame
from manyclaw.aws import TransactionRefused, transact
from manyclaw.billing import Call, Settlement, Usage, Worst, begin, refuse, settle
from manyclaw.errors import Superseded
from manyclaw.tenancy import TenantScope

_CLOCKS_DIFFER = 30
"""Seconds after a process's last moment until its reservation may be released by others."""


class Spending:
    """What one attempt of a turn spends. ``seconds_left`` is this process's time."""

    def __init__(self, scope: TenantScope, loaded: Loaded, seconds_left: Callable[[], float]) -> None:
        self._scope = scope
        self._gate = loaded.gate
        self._rates = loaded.gateway.rates
        self._seconds_left = seconds_left

    def begin(
        self, call: Call, stable: Frame, prompt: Callable[[], int], write: Callable[[list[dict[str, Any]]], None]
    ) -> Call:
        """Begin ``call`` with what it may cost at most reserved, where the tenant has limits.

        Parameters
        ----------
        prompt
            An upper bound of its prompt's tokens; asked for only where there are limits.
        write
            Writes the items that it is given, ledger row first, last in one transaction.

        Raises
        ------
        OverLimit
            It does not fit into the tenant's limits, and was not begun.
        """
        row = begin(self._scope, call)
        if self._gate is None:
            write([row])
            return call
        rates = self._rates(call.model, call.day)
        worst = Worst.of(rates, prompt(), stable.max_tokens, hour_cache=stable.cache_ttl == "1h")
        dead_by = int(time.time() + self._seconds_left()) + _CLOCKS_DIFFER
        return self._gate.reserve(call, worst, dead_by, lambda reserved: write([row, *reserved]))

    def refuse(self, call: Call, reason: str) -> None:
        """The call cost nothing: write down why, and give back what it reserved."""
        refuse(self._scope, call, reason)
        if self._gate:
            self._gate.close(call.hold, Usage())

    @contextmanager
    def settled(self, call: Call, done: Settlement) -> Iterator[list[dict[str, Any]]]:
        """The transaction items that settle ``call``, to be written in the ``with``.

        If the turn turns out to be no longer ours, or what the call gave can never be written, what it cost is settled
        all the same.
        """
        try:
            yield settle(self._scope, call, done, datetime.now(UTC))
        except Superseded:
            self._settle_alone(call, done)
            raise
        except Unwritable:
            self._settle_alone(call, done)
            self._close(call, done)
            raise
        self._close(call, done)

    def _close(self, call: Call, done: Settlement) -> None:
        if self._gate:
            self._gate.close(call.hold, done.usage)

    def _settle_alone(self, call: Call, done: Settlement) -> None:
        """Without the turn; and without the reservation, if the attempt that took the turn over has taken that too."""
        with suppress(TransactionRefused):
            try:
                transact(self._scope.clients.dynamodb, settle(self._scope, call, done, datetime.now(UTC)))
            except TransactionRefused as refused:
                if call.hold is None or 0 in refused.failed:
                    raise
                free = replace(call, hold=None)
                transact(self._scope.clients.dynamodb, settle(self._scope, free, done, datetime.now(UTC)))
