"""What the demo checks after the conversation: the money against the model's log, and that nothing crossed over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

from manyclaw.aws import error_code
from manyclaw.billing import Tokens
from manyclaw.tenancy import TELEGRAM_TOKEN, GatewayConfig, TenantScope


@dataclass(frozen=True)
class Spent:
    """Model calls, tokens by class, and USD."""

    requests: int = 0
    tokens: Tokens = field(default_factory=Tokens)
    usd: Decimal = Decimal(0)

    def __add__(self, other: Spent) -> Spent:
        return self._combine(other, 1)

    def __sub__(self, other: Spent) -> Spent:
        return self._combine(other, -1)

    def _combine(self, other: Spent, sign: int) -> Spent:
        tokens = {
            each.name: getattr(self.tokens, each.name) + sign * getattr(other.tokens, each.name)
            for each in fields(Tokens)
        }
        return Spent(self.requests + sign * other.requests, Tokens(**tokens), self.usd + sign * other.usd)

    def __str__(self) -> str:
        classes = ", ".join(
            f"{getattr(self.tokens, each.name)} {each.name.replace('_', ' ')}"
            for each in fields(Tokens)
            if getattr(self.tokens, each.name)
        )
        return f"{self.requests} model calls, {classes or 'no'} tokens, {self.usd:f} USD"


def calls_of(calls: list[dict[str, Any]], username: str) -> list[dict[str, Any]]:
    """The model calls made for the bot ``username``, told by the system prompt, which names it."""
    return [call for call in calls if f"@{username}" in str((call["request"] or {}).get("system", ""))]


def served_by_model(calls: list[dict[str, Any]], username: str, gateway: GatewayConfig) -> Spent:
    """What the model's own log says that the bot used, at the gateway's prices."""
    spent = Spent()
    for call in calls_of(calls, username):
        if not call["usage"]:
            continue
        tokens = Tokens.of(_attributes(call["usage"]))
        rates = gateway.rates(call["request"]["model"], datetime.fromtimestamp(call["at"], UTC).date())
        spent += Spent(1, tokens, tokens.cost(rates))
    return spent


def _attributes(value: Any) -> Any:
    if isinstance(value, dict):
        return SimpleNamespace(**{name: _attributes(each) for name, each in value.items()})
    return value


def strangers_words(calls: list[dict[str, Any]], username: str, texts: set[str]) -> list[str]:
    """Which of another tenant's ``texts`` stand in a model request of the bot ``username``."""
    own = calls_of(calls, username)
    if not own:
        return ["no model request was found for it"]
    said = [" ".join(_strings(call["request"])) for call in own]
    return [f"found {text[:60]!r}" for text in sorted(texts) if any(text in each for each in said)]


def _strings(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for each in value.values() for text in _strings(each)]
    if isinstance(value, list):
        return [text for each in value for text in _strings(each)]
    return [value] if isinstance(value, str) else []


def refused_reads(scope: TenantScope, other: TenantScope) -> list[str]:
    """Try to read ``other``'s row, file and secret with ``scope``'s session; gives each try that was not refused."""
    from botocore.exceptions import ClientError

    tries: dict[str, Callable[[], object]] = {
        "the row": lambda: scope.clients.dynamodb.get_item(TableName=scope.table, Key=other.key("META").wire()),
        "the file": lambda: scope.clients.s3.get_object(Bucket=scope.bucket, Key=other.object_key("config.yaml")),
        "the secret": lambda: scope.clients.ssm.get_parameter(Name=other.parameter(TELEGRAM_TOKEN)),
    }
    problems = []
    for what, attempt in tries.items():
        try:
            attempt()
            problems.append(f"{what} could be read")
        except ClientError as error:
            if "AccessDenied" not in error_code(error):
                problems.append(f"{what} gave {error_code(error)}, not AccessDenied")
    return problems
