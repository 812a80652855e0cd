"""Failures made on purpose: the next calls fail, wait, or break off in the middle of their stream."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from local.faults import AnyFault, FaultsInForce
from local.model.errors import ModelApiError


@dataclass(kw_only=True)
class Fault(AnyFault):
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

    status: int | None = None
    retry_after: float | None = None
    drop_after_events: int | None = None
    hold_after_events: int | None = None
    error_event: str = ""
    content: list[dict[str, Any]] | None = None
    stop_reason: str = "end_turn"
    contains: str = ""

    def error(self) -> ModelApiError | None:
        """The refusal, if it is one."""
        return ModelApiError(self.status, retry_after=self.retry_after) if self.status else None


class Faults(FaultsInForce[Fault]):
    """The faults of the Messages API, and the latency of every call."""

    def __init__(self) -> None:
        super().__init__()
        self.latency = 0.0

    def take(self, raw: str) -> Fault | None:
        """The fault of this call, counted down."""
        return self.take_first(lambda fault: fault.contains in raw)

    async def wait(self, fault: Fault | None, gone: Callable[[], bool]) -> None:
        """Sit out the latency and the fault's delay or hold."""
        if self.latency:
            await asyncio.sleep(self.latency)
        if fault:
            await self.sit_out(fault, gone)
