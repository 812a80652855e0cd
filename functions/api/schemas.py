"""What the API answers with. Money is an exact decimal text, days and times are UTC."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, Field, PlainSerializer

from manyclaw.billing import CURRENCY, Quota, Usage

Exact = Annotated[
    Decimal,
    PlainSerializer(lambda value: format(value, "f"), return_type=str),
    Field(json_schema_extra={"pattern": r"^-?\d+(\.\d+)?$"}),
]
"""A Decimal that leaves as a text, so that no reader's float rounds it."""


class TokenCounts(BaseModel):
    """Tokens by the classes that the model's maker bills apart. `output` holds thinking."""

    input: int
    output: int
    cache_read: int
    cache_write_5m: int
    cache_write_1h: int
    total: int


class Amounts(BaseModel):
    """Settled model calls: how many, the tools that they called, their tokens, and their cost."""

    requests: int
    tool_calls: int
    tokens: TokenCounts
    cost: Exact = Field(description="In `currency`, exact.")


class UsageRow(Amounts):
    """The use of one day (ISO date), model, user (Telegram id) or source: `key` is which."""

    key: str


class QuotaRow(BaseModel):
    """One limit. `limit` and `remaining` are null where there is none. Amounts are exact texts."""

    name: str = Field(examples=["tokens_per_day"])
    limit: str | None
    used: str
    reserved: str
    remaining: str | None
    resets_at: datetime


class UsageAnswer(BaseModel):
    """A tenant's use from `from` to `to`, both included."""

    tenant: str
    from_: date = Field(alias="from")
    to: date
    group_by: Literal["day", "model", "user", "source"]
    currency: str
    totals: Amounts
    quota: list[QuotaRow]
    rows: list[UsageRow]
    next_cursor: str | None = Field(description="Give it as `cursor` for the rows that follow; null at the end.")


class QuotaAnswer(BaseModel):
    """Every limit of a tenant as it stands now."""

    tenant: str
    currency: str
    quota: list[QuotaRow]


class BotAnswer(BaseModel):
    """The Telegram bot that a tenant is paired with."""

    username: str
    link: str


class ConfigState(BaseModel):
    """Whether the newest `config.yaml` is in force, and if not, why."""

    in_force: bool
    problem: str | None


class TenantAnswer(BaseModel):
    """A tenant and what is in force for it."""

    tenant: str
    display_name: str
    status: Literal["active", "suspended", "deleting"]
    created_at: datetime
    updated_at: datetime
    model: str
    language: str
    bot: BotAnswer | None
    config: ConfigState


class TenantRow(BaseModel):
    """A tenant in a list."""

    tenant: str
    display_name: str
    status: Literal["active", "suspended", "deleting"]
    created_at: datetime
    updated_at: datetime


class TenantList(BaseModel):
    """Some tenants, in the order of their ids."""

    tenants: list[TenantRow]
    next_cursor: str | None


class TenantUsage(Amounts):
    """What one tenant used."""

    tenant: str
    display_name: str


class OperatorUsage(BaseModel):
    """What each of some tenants used, in the order of their ids. `totals` are those of this page."""

    from_: date = Field(alias="from")
    to: date
    currency: str
    totals: Amounts
    tenants: list[TenantUsage]
    next_cursor: str | None


class ProblemError(BaseModel):
    """One thing that is wrong: a parameter's name, or a line of a file."""

    path: str
    message: str
    line: int | None = None


class Problem(BaseModel):
    """An error (RFC 9457). `type` is a name that stays; `detail` is for people."""

    type: str
    title: str
    status: int
    detail: str
    hint: str | None = None
    errors: list[ProblemError] | None = None


def amounts(usage: Usage) -> dict[str, object]:
    """The fields of :class:`Amounts`."""
    tokens = usage.tokens
    counts = TokenCounts(
        input=tokens.input,
        output=tokens.output,
        cache_read=tokens.cache_read,
        cache_write_5m=tokens.cache_write_5m,
        cache_write_1h=tokens.cache_write_1h,
        total=tokens.total,
    )
    return {
        "requests": usage.requests,
        "tool_calls": usage.tool_calls,
        "tokens": counts,
        "cost": usage.cost_usd,
    }


def quota_row(quota: Quota) -> QuotaRow:
    """A limit, its numbers as exact texts: some are counts and some are money."""

    def text(value: int | Decimal | None) -> str | None:
        return None if value is None else format(value, "f" if isinstance(value, Decimal) else "d")

    return QuotaRow(
        name=quota.name,
        limit=text(quota.limit),
        used=text(quota.used) or "0",
        reserved=text(quota.reserved) or "0",
        remaining=text(quota.remaining),
        resets_at=quota.resets_at,
    )


__all__ = ["CURRENCY", "amounts", "quota_row"]
