"""Golden vectors: known usage at known rates, to the last digit."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from types import SimpleNamespace

import pytest

from manyclaw.billing import Tokens
from manyclaw.errors import Misconfigured
from manyclaw.tenancy import GatewayConfig, Rates
from manyclaw.tenancy.gateway import parse_gateway_config

SONNET = Rates.model_validate(
    {
        "from": "2026-01-01",
        "input": "3",
        "output": "15",
        "cache_read": "0.30",
        "cache_write_5m": "3.75",
        "cache_write_1h": "6",
    }
)


@pytest.mark.parametrize(
    ("written", "cost"),
    [({"cache_write_5m": 2_124}, "0.045768"), ({"cache_write_1h": 2_124}, "0.050547")],
)
def test_the_cost_of_a_known_call(written: dict[str, int], cost: str) -> None:
    tokens = Tokens(input=3, output=1_059, cache_read=73_030, **written)
    assert tokens.cost(SONNET) == Decimal(cost)


@pytest.mark.parametrize(
    ("split", "expected"),
    [(None, (100, 0)), ({"ephemeral_5m_input_tokens": 60, "ephemeral_1h_input_tokens": 40}, (60, 40))],
)
def test_cache_writes_without_a_split_are_five_minute_ones(
    split: dict[str, int] | None, expected: tuple[int, int]
) -> None:
    usage = SimpleNamespace(
        input_tokens=1,
        output_tokens=2,
        cache_read_input_tokens=None,
        cache_creation_input_tokens=100,
        cache_creation=SimpleNamespace(**split) if split else None,
    )
    tokens = Tokens.of(usage)
    assert (tokens.cache_write_5m, tokens.cache_write_1h) == expected
    assert tokens.prompt == 101


def _config(text: str) -> GatewayConfig:
    return parse_gateway_config(text)


CARD = """
models:
  claude-x:
    rates:
      - {from: 2026-01-01, input: 3, output: 15, cache_read: 0.30, cache_write_5m: 3.75, cache_write_1h: 6}
      - {from: 2026-07-01, input: 2.5, output: 12.5, cache_read: 0.25, cache_write_5m: 3.125, cache_write_1h: 5}
defaults: {model: claude-x}
"""


def test_a_price_change_never_touches_the_days_before_it() -> None:
    card = _config(CARD)
    assert card.rates("claude-x", date(2026, 6, 30)).cache_write_5m == Decimal("3.75")
    assert card.rates("claude-x", date(2026, 7, 1)).cache_write_5m == Decimal("3.125")
    assert card.rates("claude-x", date(2026, 7, 1)).version == "2026-07-01"


def test_a_model_without_a_price_does_not_run() -> None:
    card = _config(CARD)
    with pytest.raises(Misconfigured, match="no price for model 'claude-y'"):
        card.rates("claude-y", date(2026, 7, 1))
    with pytest.raises(Misconfigured, match="2025-12-31"):
        card.rates("claude-x", date(2025, 12, 31))
