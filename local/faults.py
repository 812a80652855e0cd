"""What both simulators share of failing on purpose: faults in force, counted down, and calls that are held."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, Self

_LOOK_EVERY = 0.05
"""Seconds between looks at whether a held call's client is still there."""


@dataclass(kw_only=True)
class AnyFault:
    """What happens to the next ``times`` calls: they wait ``delay_seconds``, or until ``POST /_sim/release``."""

    times: int = 1
    delay_seconds: float = 0.0
    hold: bool = False

    @classmethod
    def read(cls, body: dict[str, Any]) -> Self:
        """From a control request. Raises `ValueError` naming what is unknown."""
        unknown = set(body) - {item.name for item in fields(cls)}
        if unknown:
            raise ValueError(f"unknown fields of a fault: {', '.join(sorted(unknown))}")
        return cls(**body)


class FaultsInForce[F: AnyFault]:
    """The faults in force, in the order in which they came, and how many calls are being held."""

    def __init__(self) -> None:
        self._faults: list[F] = []
        self._released = asyncio.Event()
        self.held = 0

    def add(self, fault: F) -> None:
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

    def take_first(self, fits: Callable[[F], bool]) -> F | None:
        """The first fault that fits a call, counted down."""
        fault = next((each for each in self._faults if each.times > 0 and fits(each)), None)
        if fault is not None:
            fault.times -= 1
            self._faults = [other for other in self._faults if other.times > 0]
        return fault

    async def sit_out(self, fault: F, gone: Callable[[], bool]) -> None:
        """Wait for the fault's delay and hold."""
        if fault.delay_seconds:
            await asyncio.sleep(fault.delay_seconds)
        if fault.hold:
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
