"""Failures made on purpose: the next calls of a method answer with an error, late, or only when told."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, Self

from local.telegram.errors import PREFIXES, BotApiError

_LOOK_EVERY = 0.05
"""Seconds between looks at whether a held call's client is still there."""


@dataclass(slots=True)
class Fault:
    """What happens to the next ``times`` matching calls.

    Attributes
    ----------
    method, bot, chat_id
        Which calls; ``method`` "*" is any, the other two are any when None.
    status, description, retry_after
        The answer; no status means that the call goes on as usual (after its delay or hold).
    delay_seconds, hold
        Wait this long, or until ``POST /_sim/release``. A held call whose client leaves never reached Telegram,
        unless it was to be held after accepting.
    after_accepting
        Carry the call out first, then wait and fail: the message is there, but the caller never hears so.
    drop
        Close the connection without an answer.
    """

    method: str = "*"
    bot: str | None = None
    chat_id: int | None = None
    times: int = 1
    status: int | None = None
    description: str | None = None
    retry_after: int | None = None
    delay_seconds: float = 0.0
    after_accepting: bool = False
    hold: bool = False
    drop: bool = False

    @classmethod
    def read(cls, body: dict[str, Any]) -> Self:
        """From a control request. Raises `ValueError` naming what is unknown."""
        unknown = set(body) - {item.name for item in fields(cls)}
        if unknown:
            raise ValueError(f"unknown fields of a fault: {', '.join(sorted(unknown))}")
        fault = cls(**body)
        if fault.bot:
            fault.bot = fault.bot.removeprefix("@").lower()
        if fault.retry_after is not None and fault.status is None:
            fault.status = 429
        return fault

    def fits(self, method: str, bot: str, chat_id: str) -> bool:
        """Whether this call is meant."""
        return (
            self.times > 0
            and self.method.lower() in ("*", method.lower())
            and self.bot in (None, bot.lower())
            and (self.chat_id is None or str(self.chat_id) == chat_id)
        )

    def error(self) -> BotApiError | None:
        """The answer to give, if it is one."""
        if self.status is None or self.status < 400:
            return None
        text = self.description or PREFIXES.get(self.status, "Error")
        if self.retry_after is None:
            return BotApiError(self.status, text)
        text = self.description or f"{text}: retry after {self.retry_after}"
        return BotApiError(self.status, text, retry_after=self.retry_after)


class Faults:
    """The faults in force, and the calls that are being held."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._released = asyncio.Event()
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

    def take(self, method: str, bot: str, chat_id: str) -> Fault | None:
        """The fault of this call, counted down."""
        for fault in self._faults:
            if fault.fits(method, bot, chat_id):
                fault.times -= 1
                self._faults = [other for other in self._faults if other.times > 0]
                return fault
        return None

    async def wait(self, fault: Fault, gone: Callable[[], bool]) -> None:
        """Sit out the fault's delay or hold; a hold ends, too, when the client is gone."""
        if fault.delay_seconds:
            await asyncio.sleep(fault.delay_seconds)
        if not fault.hold:
            return
        released = self._released
        self.held += 1
        try:
            while not (released.is_set() or gone()):
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(released.wait(), _LOOK_EVERY)
        finally:
            self.held -= 1
