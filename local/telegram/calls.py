"""The log of Bot API calls, for tests and benchmarks."""

import time
from collections import deque
from dataclasses import asdict, dataclass
from typing import Any

KEPT_CALLS = 20_000


@dataclass(slots=True)
class Call:
    """One call. ``status`` and ``response`` stay None while it is under way (or held); ``at`` is Unix seconds."""

    n: int
    at: float
    bot: str | None
    method: str
    params: dict[str, Any]
    status: int | None = None
    response: dict[str, Any] | None = None


class CallLog:
    """The newest calls, numbered from 1."""

    def __init__(self) -> None:
        self._calls: deque[Call] = deque(maxlen=KEPT_CALLS)
        self._last = 0

    def open(self, bot: str | None, method: str, params: dict[str, Any]) -> Call:
        """Note a call as it arrives."""
        self._last += 1
        call = Call(self._last, time.time(), bot, method, params)
        self._calls.append(call)
        return call

    def since(self, number: int, bot: str = "", method: str = "") -> list[dict[str, Any]]:
        """The calls after ``number`` of one bot (username) and method, or of all, oldest first."""
        if number >= self._last:
            return []
        wanted = (call for call in self._calls if call.n > number and bot in ("", call.bot))
        return [asdict(call) for call in wanted if method in ("", call.method)]

    def clear(self) -> None:
        """Forget all; the numbers go on."""
        self._calls.clear()
