"""Failures made on purpose: the next calls fail, wait, or break off in the middle of their stream."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, Self

from local.model.errors import ModelApiError

_LOOK_EVERY = 0.05
"""Seconds between looks at whether a held call's client is still there."""


@dataclass(slots=True)
class Fault:
    """What happens to the next ``times`` calls.

    Attributes
    ----------
    status, retry_after
        The refusal; without a status the call goes on after its delay or hold.
    delay_seconds, hold
        Wait this long, or until ``POST /_sim/release``, before anything is answered. A held call whose client leaves
        is given up: nothing is served or billed.
    drop_after_events
        Cut the TCP connection after so many events of the stream; the tokens are spent by then.
    hold_after_events
        Pause the stream after so many events until ``POST /_sim/release``.
    error_event
        Break the stream off after its first events with an ``error`` event of this type, e.g. overloaded_error; the
        response's status is 200 by then.
    content, stop_reason
        Answer with these content blocks and this stop_reason instead.
    contains
        Only calls whose body holds this text; lets one conversation fail among many.
    """

    times: int = 1
    status: int | None = None
    delay_seconds: float = 0.0
    hold: bool = False
    retry_after: float | None = None
    drop_after_events: int | None = None
    hold_after_events: int | None = None
    error_event: str = ""
    content: list[dict[str, Any]] | None = None
    stop_reason: str = "end_turn"
    contains: str = ""

    @classmethod
    def read(cls, body: dict[str, Any]) -> Self:
        """From a control request. Raises `ValueError` naming what is unknown."""
        unknown = set(body) - {item.name for item in fields(cls)}
        if unknown:
            raise ValueError(f"unknown fields of a fault: {', '.join(sorted(unknown))}")
        return cls(**body)

    def error(self) -> ModelApiError | None:
        """The refusal, if it is one."""
        return ModelApiError(self.status, retry_after=self.retry_after) if self.status else None


class Faults:
    """The faults in force, the latency of every call, and the calls that are being held."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._released = asyncio.Event()
        self.latency = 0.0
        self.held = 0

    def add(self, fault: Fault) -> None:
        """Put a fault in force, after those that are."""
        self._faults.append(fault)

    def clear(self) -> None:
        """End all faults and let held calls go."""
        self._faults.clear()
        self.release()

    def release(self) -> None:
        """Let held calls go."""
        self._released.set()
        self._released = asyncio.Event()

    def take(self, raw: str) -> Fault | None:
        """The fault of this call, counted down."""
        for fault in self._faults:
            if fault.times > 0 and fault.contains in raw:
                fault.times -= 1
                self._faults = [other for other in self._faults if other.times > 0]
                return fault
        return None

    async def wait(self, fault: Fault | None, gone: Callable[[], bool]) -> None:
        """Sit out the latency and the fault's delay or hold."""
        if self.latency:
            await asyncio.sleep(self.latency)
        if fault and fault.delay_seconds:
            await asyncio.sleep(fault.delay_seconds)
        if fault and fault.hold:
            await self.hold(gone)

    async def hold(self, gone: Callable[[], bool]) -> None:
        """Wait for the release, or until the client is gone."""
        released = self._released
        self.held += 1
        try:
            while not (released.is_set() or gone()):
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(released.wait(), _LOOK_EVERY)
        finally:
            self.held -= 1
