"""The log of model calls, for tests and benchmarks."""

import time
from collections import deque
from dataclasses import asdict, dataclass
from typing import Any

KEPT_CALLS = 10_000


@dataclass(slots=True)
class Call:
    """One call. ``completed`` turns true when the whole response has been written to the client.

    ``status`` is None while the call is under way or held, and 0 when the client left before anything was answered.
    ``usage`` is None for a call that was refused: it cost nothing.
    """

    n: int
    at: float
    request_id: str
    api_key_last4: str
    request: Any
    raw: str
    status: int | None = None
    usage: dict[str, Any] | None = None
    completed: bool = False


class CallLog:
    """The newest calls, numbered from 1."""

    def __init__(self) -> None:
        self._calls: deque[Call] = deque(maxlen=KEPT_CALLS)
        self._last = 0

    def open(self, request_id: str, key: str, raw: str) -> Call:
        """Note a call as it arrives."""
        self._last += 1
        call = Call(self._last, time.time(), request_id, key[-4:], None, raw)
        self._calls.append(call)
        return call

    def since(self, number: int, holding: str = "") -> list[dict[str, Any]]:
        """The calls after ``number`` whose request holds the text ``holding``, oldest first."""
        if number >= self._last:
            return []
        return [asdict(call) for call in self._calls if call.n > number and holding in call.raw]

    def clear(self) -> None:
        """Forget all; the numbers go on."""
        self._calls.clear()
