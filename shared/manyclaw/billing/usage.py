"""Tokens in five classes, and what they cost: Decimal throughout, never float."""

from __future__ import annotations

from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any

from manyclaw.tenancy import Rates

_MILLION = Decimal(1_000_000)


@dataclass(frozen=True)
class Tokens:
    """The five classes that Anthropic bills apart. ``output`` already holds thinking."""

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0

    @classmethod
    def of(cls, usage: Any) -> Tokens:
        """From the ``usage`` of an Anthropic message.

        A call that ran tools within itself (``iterations``) tells its sums, but the lifetimes only round by round.
        ``cache_creation`` splits the cache writes by their lifetime; where it is missing, they are 5-minute writes
        (https://docs.claude.com/en/docs/build-with-claude/prompt-caching).
        """
        written = int(getattr(usage, "cache_creation_input_tokens", None) or 0)
        split = getattr(usage, "cache_creation", None)
        hour = int(getattr(split, "ephemeral_1h_input_tokens", None) or 0) if split is not None else 0
        rounds = [each for each in getattr(usage, "iterations", None) or () if getattr(each, "type", "") == "message"]
        if rounds:
            hour = min(written, sum(cls.of(each).cache_write_1h for each in rounds))
        return cls(
            input=int(getattr(usage, "input_tokens", None) or 0),
            output=int(getattr(usage, "output_tokens", None) or 0),
            cache_read=int(getattr(usage, "cache_read_input_tokens", None) or 0),
            cache_write_5m=written - hour,
            cache_write_1h=hour,
        )

    def __add__(self, other: Tokens) -> Tokens:
        return Tokens(**{each.name: getattr(self, each.name) + getattr(other, each.name) for each in fields(self)})

    @property
    def total(self) -> int:
        """All five classes together: what a limit in tokens counts."""
        return self.prompt + self.output

    @property
    def prompt(self) -> int:
        """The whole prompt's tokens, cached or not: the context that the call used before its answer."""
        return self.input + self.cache_read + self.cache_write_5m + self.cache_write_1h

    def as_attributes(self) -> dict[str, int]:
        """As ``{class}_tokens`` attributes of a table item."""
        return {f"{each.name}_tokens": getattr(self, each.name) for each in fields(self)}

    def cost(self, rates: Rates) -> Decimal:
        """In USD at ``rates``, in the band of this prompt's length; exact: nothing is rounded."""
        prices = rates.for_prompt(self.prompt)
        return (
            sum((getattr(self, each.name) * getattr(prices, each.name) for each in fields(self)), Decimal(0)) / _MILLION
        )


TOKEN_ATTRIBUTES = tuple(f"{each.name}_tokens" for each in fields(Tokens))
