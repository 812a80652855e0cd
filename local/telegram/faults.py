"""Failures made on purpose: the next calls of a method answer with an error, late, or only when told."""

from dataclasses import dataclass
from typing import Any, Self

from local.faults import AnyFault, FaultsInForce
from local.telegram.errors import PREFIXES, BotApiError


@dataclass(kw_only=True)
class Fault(AnyFault):
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
    status: int | None = None
    description: str | None = None
    retry_after: int | None = None
    after_accepting: bool = False
    drop: bool = False

    @classmethod
    def read(cls, body: dict[str, Any]) -> Self:
        """From a control request. Raises `ValueError` naming what is unknown."""
        fault = super().read(body)
        if fault.bot:
            fault.bot = fault.bot.removeprefix("@").lower()
        if fault.retry_after is not None and fault.status is None:
            fault.status = 429
        return fault

    def fits(self, method: str, bot: str, chat_id: str) -> bool:
        """Whether this call is meant."""
        return (
            self.method.lower() in ("*", method.lower())
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


class Faults(FaultsInForce[Fault]):
    """The faults of the Bot API."""

    def take(self, method: str, bot: str, chat_id: str) -> Fault | None:
        """The fault of this call, counted down."""
        return self.take_first(lambda fault: fault.fits(method, bot, chat_id))
