"""Holding: how one reservation is put into a counter, and what it takes out.

Plans are made from a picture of the counter (:class:`~manyclaw.billing.Window`) and written on the condition that the
reservations that they replace are still the same.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from manyclaw.aws import to_item
from manyclaw.billing.limits import Allowance
from manyclaw.billing.windows import Hold, Window
from manyclaw.tenancy import Key, Rates, TenantScope

_RELEASES = 20
"""How many expired reservations one write releases at most; an expression may not grow without bound."""

_MILLION = Decimal(1_000_000)


@dataclass(frozen=True)
class Worst:
    """What a call can use at most: tokens of all classes, and USD."""

    tokens: int
    usd: Decimal

    @classmethod
    def of(cls, rates: Rates, prompt: int, max_tokens: int, *, hour_cache: bool) -> Worst:
        """From an upper bound of the prompt's tokens.

        The whole prompt is taken at the dearest class it can fall into, in the dearest band that it can reach.
        """
        bands = [rates, *(band for band in rates.long_prompts if prompt > band.above_prompt_tokens)]
        costs = []
        for prices in bands:
            dearest = max(prices.input, prices.cache_read, prices.cache_write_5m)
            if hour_cache:
                dearest = max(dearest, prices.cache_write_1h)
            costs.append((prompt * dearest + max_tokens * prices.output) / _MILLION)
        return cls(prompt + max_tokens, max(costs))


def freed_by(window: Window, turn: str, now: datetime) -> list[Hold]:
    """The reservations that a new one of ``turn`` replaces: its own, and some of those whose time has passed."""
    own = [hold for hold in window.holds if hold.turn == turn]
    expired = [hold for hold in window.holds if hold.turn != turn and hold.until <= now.timestamp()]
    return own + expired[:_RELEASES]


def taken_by(window: Window, held: Hold, now: datetime) -> Window:
    freed = freed_by(window, held.turn, now)
    return replace(
        window,
        taken_tokens=window.taken_tokens + held.tokens - sum(hold.tokens for hold in freed),
        taken_usd=window.taken_usd + held.usd - sum((hold.usd for hold in freed), Decimal(0)),
        holds=(*(hold for hold in window.holds if hold not in freed), held),
    )


def take(scope: TenantScope, key: Key, window: Window, allowed: Allowance, held: Hold, now: datetime) -> dict[str, Any]:
    """The write that puts ``held`` into the counter and takes out what it replaces, if all is as in the picture."""
    freed = freed_by(window, held.turn, now)
    after = taken_by(window, held, now)
    more_tokens, more_usd = after.taken_tokens - window.taken_tokens, after.taken_usd - window.taken_usd
    names = {"#own": held.attribute}
    values: dict[str, Any] = {":own": held.as_map(), ":tokens": more_tokens, ":usd": more_usd}
    conditions = [] if any(hold.turn == held.turn for hold in freed) else ["attribute_not_exists(#own)"]
    removed = []
    for index, hold in enumerate(freed):
        name = "#own" if hold.turn == held.turn else f"#freed{index}"
        names |= {name: hold.attribute, "#n": "n", "#until": "until"}
        values |= {f":n{index}": hold.number, f":until{index}": hold.until}
        conditions.append(f"{name}.#n = :n{index} AND {name}.#until = :until{index}")
        if name != "#own":
            removed.append(name)
    for attribute, limit, more in (
        ("taken_tokens", allowed.tokens_per_day, more_tokens),
        ("taken_usd", allowed.cost_per_day_usd, more_usd),
    ):
        if limit is not None:
            values[f":{attribute}"] = limit - more
            conditions.append(f"(attribute_not_exists({attribute}) OR {attribute} <= :{attribute})")
    return {
        "TableName": scope.table,
        "Key": key.wire(),
        "UpdateExpression": "ADD taken_tokens :tokens, taken_usd :usd SET #own = :own"
        + (f" REMOVE {', '.join(removed)}" if removed else ""),
        "ConditionExpression": " AND ".join(conditions),
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": to_item(values),
    }
