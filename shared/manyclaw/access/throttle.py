"""The brake on guessing: failed tries are counted for one place and one claim, a minute at a time.

A place is a source address; a claim is whose door is tried (``tk_{tenant}``, ``op``). Both together are one counter,
so that nobody can shut a customer out by failing elsewhere, nor from elsewhere at the customer's own door. Counts lie
in ``ACCESS`` with a time to live, since each process sees only its share of the tries.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from manyclaw.access.tokens import digest
from manyclaw.errors import Throttled
from manyclaw.tenancy import GatewayTable

WINDOW_SECONDS = 60
MOST_FAILURES = 10
"""Failed tries of one place at one door within a window; what comes after is not judged."""


class Throttle:
    """Counts failures and says when enough is enough.

    Parameters
    ----------
    clock
        Seconds since 1970.
    """

    def __init__(self, access: GatewayTable, clock: Callable[[], float] = time.time) -> None:
        self._access = access
        self._clock = clock

    def row(self, place: str, claim: str) -> str:
        """The sort key of the counter of this place and claim in the window that is running."""
        window = int(self._clock()) // WINDOW_SECONDS
        return f"FAILED#{digest(f'{place}|{claim}')[:32]}#{window}"

    def failed(self, row: str) -> int:
        """Count one failure; gives how many there are now in the window."""
        return self._access.count(row, int(self._clock()) + 2 * WINDOW_SECONDS)

    def judge(self, failures: int) -> None:
        """Raises ``Throttled``, with the seconds until the window ends, when there were too many ``failures``."""
        if failures >= MOST_FAILURES:
            left = WINDOW_SECONDS - self._clock() % WINDOW_SECONDS
            raise Throttled("Too many failed tries from your address.", retry_after=max(1.0, left))

    def check(self, row: str) -> None:
        """Read a counter and judge it."""
        found = self._access.get(row)
        self.judge(int(found["count"]) if found else 0)
