"""The account's books: what each day's calls used and cost, by model, as Anthropic would bill them."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from local.model.prices import CLASSES, class_costs, class_tokens

_SNAPSHOTS = {"claude-haiku-4-5": "claude-haiku-4-5-20251001"}
"""Models that reports name with their release date, whatever the request called them."""


@dataclass(slots=True)
class Line:
    """One model's share of a day: tokens and US cents by class, in the order of ``CLASSES``."""

    tokens: list[int] = field(default_factory=lambda: [0] * len(CLASSES))
    cents: list[Decimal] = field(default_factory=lambda: [Decimal(0)] * len(CLASSES))

    def add(self, tokens: tuple[int, ...], cents: tuple[Decimal, ...]) -> None:
        """Count one call in."""
        self.tokens = [held + more for held, more in zip(self.tokens, tokens, strict=True)]
        self.cents = [held + more for held, more in zip(self.cents, cents, strict=True)]


class Account:
    """Counts every call that was answered, also one whose client left before the end of the answer.

    Parameters
    ----------
    now
        Seconds since 1970; tests move it.
    """

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._days: dict[date, dict[str, Line]] = {}

    def add(self, model: str, usage: dict[str, Any]) -> None:
        """Count an answered call in, on today's bill."""
        tokens = class_tokens(usage)
        day = self._days.setdefault(datetime.fromtimestamp(self._now(), UTC).date(), {})
        line = day.setdefault(_SNAPSHOTS.get(model, model), Line())
        line.add(tokens, class_costs(model, tokens))

    def on(self, day: date) -> dict[str, Line]:
        """A day's lines by model."""
        return dict(sorted(self._days.get(day, {}).items()))
