"""What the account is billed, in USD per million tokens: Anthropic's list, kept apart from the product's rate card.

A bill that was computed with the product's own prices could not show that one of them is wrong.
Source: https://platform.claude.com/docs/en/about-claude/pricing, read in November 2026.
"""

from decimal import Decimal
from typing import Any

CLASSES = (
    "uncached_input_tokens",
    "output_tokens",
    "cache_read_input_tokens",
    "cache_creation.ephemeral_5m_input_tokens",
    "cache_creation.ephemeral_1h_input_tokens",
)
"""Classes of tokens as the Cost API names them, in the order of the prices."""

_LIST = {
    "claude-opus-5-5": ("4", "20", "0.20", "5", "8"),
    "claude-sonnet-5-5": ("2", "10", "0.10", "2.50", "4"),
    "claude-haiku-5-5": ("0.10", "0.50", "0.01", "0.125", "0.20"),
    "claude-opus": ("5", "25", "0.50", "6.25", "10"),
    "claude-sonnet": ("3", "15", "0.30", "3.75", "6"),
    "claude-haiku": ("1", "5", "0.10", "1.25", "2"),
}
_LONG_PROMPTS = {"claude-haiku-5-5": (100_000, ("0.50", "2.50", "0.05", "0.625", "1"))}


def class_tokens(usage: dict[str, Any]) -> tuple[int, ...]:
    """A call's tokens by class, in the order of :data:`CLASSES`, from the usage that its answer had."""
    written = usage["cache_creation"]
    return (
        usage["input_tokens"],
        usage["output_tokens"],
        usage["cache_read_input_tokens"],
        written["ephemeral_5m_input_tokens"],
        written["ephemeral_1h_input_tokens"],
    )


def class_costs(model: str, tokens: tuple[int, ...]) -> tuple[Decimal, ...]:
    """What one call's tokens cost, in US cents, exact; a model that is not on the list costs what its family does."""
    prices = next((listed for name, listed in _LIST.items() if model.startswith(name)), _LIST["claude-sonnet"])
    uncached, _, read, short, hour = tokens
    for name, (bound, dearer) in _LONG_PROMPTS.items():
        if model.startswith(name) and uncached + read + short + hour > bound:
            prices = dearer
    return tuple(Decimal(price) * count / 10_000 for price, count in zip(prices, tokens, strict=True))
