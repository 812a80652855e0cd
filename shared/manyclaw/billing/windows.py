"""The counters that limits are held against, as they stand: used, and reserved by calls under way.

``TOTAL#{day}`` and ``USER#{day}#{user}`` hold, beside what is used, ``taken_tokens`` and ``taken_usd`` (used plus
reserved) and an attribute ``hold#{turn}`` for each reservation. ``MINUTE#{minute}`` and ``MINUTE#{minute}#{user}``
count the calls begun in a minute of the clock, and expire.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, cast

from manyclaw.aws import from_item
from manyclaw.billing.counters import Usage, total_key, user_key
from manyclaw.tenancy import Key, TenantScope

HOLD = "hold#"
"""Begins the name of the attribute that holds a turn's reservation."""


@dataclass(frozen=True)
class Hold:
    """What one model call has reserved: tokens and USD at worst.

    ``number`` is the call's within its turn; ``until`` (Unix seconds) is when its process is dead for certain.
    """

    turn: str
    number: int
    tokens: int
    usd: Decimal
    until: int

    @property
    def attribute(self) -> str:
        return HOLD + self.turn

    def as_map(self) -> dict[str, Any]:
        return {"n": self.number, "tokens": self.tokens, "usd": self.usd, "until": self.until}


@dataclass(frozen=True)
class Window:
    """One counter that limits are held against. ``taken`` is used plus reserved."""

    usage: Usage = field(default_factory=Usage)
    taken_tokens: int = 0
    taken_usd: Decimal = Decimal(0)
    holds: tuple[Hold, ...] = ()
    told: frozenset[str] = frozenset()
    warned: int = 0

    @classmethod
    def of(cls, item: dict[str, Any] | None) -> Window:
        if item is None:
            return cls()
        usage = Usage.of(item)
        holds = [
            Hold(name.removeprefix(HOLD), int(held["n"]), int(held["tokens"]), Decimal(held["usd"]), int(held["until"]))
            for name, held in item.items()
            if name.startswith(HOLD)
        ]
        return cls(
            usage=usage,
            taken_tokens=int(item.get("taken_tokens", 0)),
            taken_usd=Decimal(item.get("taken_usd", 0)),
            holds=tuple(holds),
            told=frozenset(item.get("told", ())),
            warned=int(item.get("warned", 0)),
        )

    def reserved(self, now: datetime) -> tuple[int, Decimal]:
        """Tokens and USD of the reservations that have not expired."""
        live = [hold for hold in self.holds if hold.until > now.timestamp()]
        return sum(hold.tokens for hold in live), sum((hold.usd for hold in live), Decimal(0))


def minute_key(scope: TenantScope, now: datetime, user: str = "") -> Key:
    minute = f"{now.astimezone(UTC):%Y-%m-%dT%H:%M}"
    return scope.part("USAGE", f"MINUTE#{minute}" + (f"#{user}" if user else ""))


def next_minute(now: datetime) -> datetime:
    """When the present minute of the clock ends."""
    return now.astimezone(UTC).replace(second=0, microsecond=0) + timedelta(minutes=1)


def next_day(day: date) -> datetime:
    """The UTC midnight that ends ``day``."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)


@dataclass(frozen=True)
class Windows:
    """All counters that a tenant's limits, and one user's, are held against at one moment."""

    tenant: Window = field(default_factory=Window)
    user: Window = field(default_factory=Window)
    minute: Window = field(default_factory=Window)
    user_minute: Window = field(default_factory=Window)


def window_keys(scope: TenantScope, now: datetime, user: str, day: date | None = None) -> dict[str, Key]:
    """The keys of :class:`Windows`, by the names of its fields; without the user's when ``user`` is empty."""
    day = day or now.astimezone(UTC).date()
    keys = {"tenant": total_key(scope, day), "minute": minute_key(scope, now)}
    if user:
        keys |= {"user": user_key(scope, day, user), "user_minute": minute_key(scope, now, user)}
    return keys


def read_windows(scope: TenantScope, now: datetime, user: str = "", day: date | None = None) -> Windows:
    """The counters of the minute of ``now`` and of ``day`` (``now``'s if not given), in one request."""
    keys = window_keys(scope, now, user, day)
    return windows_of(keys, read_items(scope, keys.values()))


def windows_of(keys: Mapping[str, Key], found: Mapping[Key, dict[str, Any]]) -> Windows:
    """What :func:`read_items` found under the keys of :func:`window_keys`; a counter that is not there is empty."""
    names = ("tenant", "user", "minute", "user_minute")
    return Windows(**{name: Window.of(found.get(keys[name])) if name in keys else Window() for name in names})


def read_items(scope: TenantScope, keys: Iterable[Key]) -> dict[Key, dict[str, Any]]:
    """The items that are there, by key, read consistently in one request (at most a hundred)."""
    wanted: Any = {scope.table: {"Keys": [key.wire() for key in keys], "ConsistentRead": True}}
    found: dict[Key, dict[str, Any]] = {}
    while wanted:
        answer = scope.clients.dynamodb.batch_get_item(RequestItems=wanted)
        items = [from_item(cast("dict[str, Any]", item)) for item in answer["Responses"].get(scope.table, [])]
        found |= {Key(item["pk"], item["sk"]): item for item in items}
        wanted = answer.get("UnprocessedKeys")
    return found
