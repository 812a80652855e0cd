"""Prices: bands, changes in the file, and what may not be changed."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from manyclaw.billing import PriceChange, Tokens, Worst, change_price
from manyclaw.errors import BadInput
from manyclaw.tenancy import InvalidDocument
from manyclaw.tenancy.gateway import parse_gateway_config

SEED = (Path(__file__).resolve().parents[3] / "local" / "seed" / "config.yaml").read_text()
TODAY = date(2026, 11, 22)


def _change(model: str, first: date = TODAY) -> PriceChange:
    return PriceChange(model, first, *map(Decimal, ("4", "16", "0.4", "5", "8")))


PLAIN = [name for name, info in parse_gateway_config(SEED).models.items() if not info.rates[0].long_prompts]


@pytest.mark.parametrize("model", [*PLAIN, "claude-new-1"])
def test_a_change_adds_one_price_and_leaves_every_other_line_alone(model: str) -> None:
    changed = change_price(SEED, _change(model), TODAY)
    assert parse_gateway_config(changed).rates(model, TODAY).output == 16
    kept = iter(changed.splitlines())
    assert all(line in kept for line in SEED.splitlines()), "a line is gone or moved"
    assert len(changed.splitlines()) - len(SEED.splitlines()) == (3 if model == "claude-new-1" else 1)
    if model != "claude-new-1":
        assert parse_gateway_config(changed).rates(model, date(2026, 11, 21)).output != 16


@pytest.mark.parametrize("first", [date(2026, 11, 21), date(2026, 10, 7)])
def test_the_past_cannot_be_repriced(first: date) -> None:
    with pytest.raises(BadInput, match="settled"):
        change_price(SEED, _change("claude-sonnet-5-5", first), TODAY)


def test_a_day_has_one_price() -> None:
    once = change_price(SEED, _change("claude-haiku-4-5"), TODAY)
    with pytest.raises(BadInput, match="has a price from"):
        change_price(once, _change("claude-haiku-4-5"), TODAY)


def test_prices_for_long_prompts_are_not_lost_by_a_change() -> None:
    with pytest.raises(BadInput, match="long prompts"):
        change_price(SEED, _change("claude-haiku-5-5"), TODAY)


def test_a_broken_file_is_not_made_worse() -> None:
    with pytest.raises(InvalidDocument):
        change_price("models: [", _change("claude-haiku-4-5"), TODAY)


def test_the_worst_case_takes_the_dearest_class_and_band() -> None:
    haiku = parse_gateway_config(SEED).rates("claude-haiku-5-5", TODAY)
    for prompt in (10, 100_000, 100_001, 900_000):
        worst = Worst.of(haiku, prompt, 50, hour_cache=True)
        for name in ("input", "cache_read", "cache_write_5m", "cache_write_1h"):
            for used in (prompt, prompt // 2):
                assert Tokens(output=50, **{name: used}).cost(haiku) <= worst.usd


def test_two_bands_cannot_begin_at_the_same_length() -> None:
    prices = "input: 1, output: 1, cache_read: 1, cache_write_5m: 1, cache_write_1h: 1"
    band = f"        long_prompts:\n          - {{above_prompt_tokens: 100000, {prices}}}\n"
    doubled = SEED.replace("        long_prompts:\n", band)
    with pytest.raises(InvalidDocument, match="two bands"):
        parse_gateway_config(doubled)
