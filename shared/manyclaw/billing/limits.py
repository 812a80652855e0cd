"""What a tenant may use: limits that only the operator sets.

They stand in two rows. ``BILLING#{tenant}`` in the operator's partition is what the operator said; a copy lies in the
tenant's own ``META``, which the agent reads anyway before each turn, so a limit costs no request on the reply path. The
operator's row is written first; if the copy fails, ``tenants quota show`` says so and the command is repeated. Nothing
of a tenant's (its overlay, its skills, its API) writes ``META``: the tenant's session never leaves our own code.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from decimal import Decimal
from typing import Any

from manyclaw.errors import BadInput

WARN_AT = (80, 100)
"""Percent of a day's limit at which the owners are told, unless the operator says otherwise."""


@dataclass(frozen=True)
class Allowance:
    """Limits of one kind of spender. None is no limit.

    Attributes
    ----------
    tokens_per_day
        All five token classes together, a UTC day.
    cost_per_day_usd
        USD, a UTC day, at the rate card's prices.
    requests_per_minute
        Model calls begun in one minute of the clock.
    """

    tokens_per_day: int | None = None
    cost_per_day_usd: Decimal | None = None
    requests_per_minute: int | None = None

    def __bool__(self) -> bool:
        return any(getattr(self, each.name) is not None for each in fields(self))

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if value is not None and (not Decimal(value).is_finite() or value < 0):
                raise BadInput(f"A limit cannot be {value} ({each.name}).", hint="Give a number from 0 on.")


@dataclass(frozen=True)
class Limits:
    """A tenant's limits: for all of it together, and for each of its end users.

    ``warn_at`` are percents of the tenant's daily limits, ascending; empty warns nobody.
    """

    tenant: Allowance = field(default_factory=Allowance)
    user: Allowance = field(default_factory=Allowance)
    warn_at: tuple[int, ...] = WARN_AT

    def __bool__(self) -> bool:
        return bool(self.tenant) or bool(self.user)

    @property
    def daily(self) -> bool:
        """Whether anything is limited by the day, so that calls have to reserve."""
        return any(
            value is not None
            for each in (self.tenant, self.user)
            for value in (each.tokens_per_day, each.cost_per_day_usd)
        )

    def __post_init__(self) -> None:
        if any(not 1 <= percent <= 100 for percent in self.warn_at):
            raise BadInput("A warning is told at 1 to 100 percent of a limit.", hint="Give e.g. 80 and 100.")

    def as_map(self) -> dict[str, Any]:
        """As a table item holds them: flat, those of a user with ``user_`` before the name, None left out."""
        flat: dict[str, Any] = {"warn_at": sorted(set(self.warn_at))}
        for prefix, allowance in (("", self.tenant), ("user_", self.user)):
            for each in fields(Allowance):
                value = getattr(allowance, each.name)
                if value is not None:
                    flat[prefix + each.name] = value
        return flat

    @classmethod
    def of(cls, stored: dict[str, Any] | None) -> Limits:
        """From what :meth:`as_map` gave; no limits from None."""
        if not stored:
            return cls()
        percents = tuple(int(percent) for percent in stored.get("warn_at", WARN_AT))
        return cls(_allowance(stored, ""), _allowance(stored, "user_"), percents)


def _allowance(stored: dict[str, Any], prefix: str) -> Allowance:
    tokens, cost = stored.get(f"{prefix}tokens_per_day"), stored.get(f"{prefix}cost_per_day_usd")
    requests = stored.get(f"{prefix}requests_per_minute")
    return Allowance(
        int(tokens) if tokens is not None else None,
        Decimal(cost) if cost is not None else None,
        int(requests) if requests is not None else None,
    )
