"""docs/billing.md: every example on the page is recomputed, and stands there as it came out."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from manyclaw.billing import COLUMNS, Markups, ReportRow, Tokens, Usage, Worst, money, rollup
from manyclaw.tenancy import GatewayConfig, Rates
from manyclaw.tenancy.gateway import parse_gateway_config

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "billing.md").read_text()
WORDS = " ".join(PAGE.split())
CARD: GatewayConfig = parse_gateway_config((ROOT / "local" / "seed" / "config.yaml").read_text())
DAY = date(2026, 11, 22)


def _rates(model: str) -> Rates:
    return CARD.rates(model, DAY)


@pytest.mark.parametrize("kind", ["5m", "1h"])
def test_the_cost_of_a_call(kind: str) -> None:
    sonnet = _rates("claude-sonnet-4-6")
    tokens = {"input": 3, "output": 1_059, "cache_read": 73_030, f"cache_write_{kind}": 2_124}
    parts = [Tokens(**{name: count}).cost(sonnet) for name, count in tokens.items()]
    whole = Tokens(**tokens).cost(sonnet)
    assert sum(parts) == whole
    assert f"| {kind} | {' | '.join(map(money, parts))} | {money(whole)} |" in WORDS


def test_a_long_prompt_pays_the_higher_prices_for_every_token() -> None:
    haiku = _rates("claude-haiku-5-5")
    short, long = (money(Tokens(input=count, output=1_000).cost(haiku)) for count in (100_000, 100_001))
    assert f"100,000 input tokens and 1,000 output cost {short} USD; 100,001 and 1,000 cost {long}." in WORDS


def test_what_is_reserved_is_the_worst_case() -> None:
    worst = Worst.of(_rates("claude-haiku-4-5"), 2_000, 600, hour_cache=False)
    assert f"reserves {worst.tokens:,} tokens and {money(worst.usd)} USD" in WORDS


def test_a_month_with_a_markup_in_its_middle() -> None:
    markups = Markups({date(2026, 12, 10): Decimal(20)})
    days = {"2026-12-09": Decimal(10), "2026-12-10": Decimal(5)}
    rows = [ReportRow(day, "acme", "claude-x", Usage(cost_usd=cost)) for day, cost in days.items()]
    (month,) = rollup(rows, lambda tenant: markups)
    assert (month.period, month.usage.cost_usd) == ("2026-12", Decimal(15))
    assert month.charge_usd is not None
    assert f"is charged {money(month.charge_usd)} USD" in WORDS


def test_the_columns_are_on_the_page() -> None:
    assert f"`{', '.join(COLUMNS)}`" in WORDS
