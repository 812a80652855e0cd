"""Changing a price in the gateway's file as a person would: one line more, everything else as it was."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal
from typing import Any

import yaml

from manyclaw.billing.reports import money
from manyclaw.errors import BadInput, Misconfigured
from manyclaw.tenancy import GatewayConfig, TenantScope, parse_gateway_config, parse_overlay, read_overlay


@dataclass(frozen=True)
class PriceChange:
    """A model's prices from ``first`` (UTC) on, in USD per million tokens."""

    model: str
    first: date
    input: Decimal
    output: Decimal
    cache_read: Decimal
    cache_write_5m: Decimal
    cache_write_1h: Decimal

    def entry(self) -> str:
        """As one line of the file's ``rates``."""
        classes = [each.name for each in fields(self) if each.name not in ("model", "first")]
        prices = ", ".join(f"{name}: {money(getattr(self, name))}" for name in classes)
        return f"{{from: {self.first}, {prices}}}"


def change_price(text: str, change: PriceChange, today: date) -> str:
    """The gateway's file with one more price; a model that it does not have is added.

    Comments and everything else stay as they are.

    Raises
    ------
    BadInput
        The day is past and the model had a price then: what was settled at it stays. Or that day has a price already.
    InvalidDocument
        The file is not valid, or would not be.
    """
    config = parse_gateway_config(text)
    known = config.models.get(change.model)
    if known:
        if change.first < today and known.rates_on(change.first):
            raise BadInput(
                f"{change.model} had a price on {change.first}, and calls were settled at it.",
                hint=f"A change begins today ({today}, UTC) or later.",
            )
        if any(rates.long_prompts for rates in known.rates):
            raise BadInput(f"{change.model} has prices for long prompts, too.", hint="Edit config.yaml by hand.")
        if any(rates.from_ == change.first for rates in known.rates):
            raise BadInput(f"{change.model} has a price from {change.first} on.", hint="Edit config.yaml.")
    lines = text.splitlines(keepends=True)
    models = _value(yaml.compose(text, Loader=yaml.SafeLoader), "models")
    if known:
        rates = _value(_value(models, change.model), "rates")
        if rates.flow_style or not rates.value:
            raise BadInput(f"The rates of {change.model} stand in one line.", hint="Edit config.yaml by hand.")
        last = rates.value[-1]
        new = f"{' ' * rates.start_mark.column}- {change.entry()}\n"
    else:
        last = models.value[-1][1]
        indent = " " * models.value[0][0].start_mark.column
        new = f"{indent}{change.model}:\n{indent}  rates:\n{indent}    - {change.entry()}\n"
    at = _line_after(last)
    if at == len(lines) and lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    changed = "".join([*lines[:at], new, *lines[at:]])
    _only_added(config, parse_gateway_config(changed), change)
    return changed


def _value(node: Any, key: str) -> Any:
    return next(value for name, value in node.value if name.value == key)


def _line_after(node: Any) -> int:
    """The index of the first line after ``node``: a block's end mark stands where the next thing begins."""
    while isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        node = node.value[-1][1] if isinstance(node, yaml.MappingNode) else node.value[-1]
    return int(node.end_mark.line) + 1


def _only_added(before: GatewayConfig, after: GatewayConfig, change: PriceChange) -> None:
    """Prove that the edit did what was asked for and nothing else."""
    added = after.rates(change.model, change.first)
    rest = tuple(rates for rates in after.models[change.model].rates if rates != added)
    kept = before.models[change.model].rates if change.model in before.models else ()
    others = {name: info for name, info in after.models.items() if name != change.model}
    if rest != kept or others != {name: info for name, info in before.models.items() if name != change.model}:
        raise BadInput("The file is laid out in a way that cannot be changed safely.", hint="Edit config.yaml by hand.")


def unpriced_tenants(scopes: Iterable[TenantScope], gateway: GatewayConfig, day: date) -> dict[str, str]:
    """Tenants whose model has no price on ``day``, with that model: their bots do not run."""
    found: dict[str, str] = {}
    for scope in scopes:
        stored = read_overlay(scope)
        try:
            model = parse_overlay(stored.data if stored else "").model_for(gateway)
        except BadInput:  # a broken overlay is not in force; `tenants show` tells of it
            continue
        try:
            gateway.rates(model, day)
        except Misconfigured:
            found[scope.tenant] = model
    return found
