"""A partition of the table, in memory, with what the access feature uses of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from manyclaw.audit import OPERATOR, Inbox
from manyclaw.aws import Clients
from manyclaw.tenancy import GatewayTable


class MemoryTable(GatewayTable):
    """Keeps rows in a dict; ``requests`` counts the calls."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, Any]] = {}
        self.told: list[dict[str, Any]] = []
        self.requests = 0

    def get(self, sk: str) -> dict[str, Any] | None:
        self.requests += 1
        return self.rows.get(sk)

    def get_many(self, sks: Sequence[str]) -> dict[str, dict[str, Any]]:
        self.requests += 1
        return {sk: self.rows[sk] for sk in sks if sk in self.rows}

    def put(self, sk: str, values: Mapping[str, Any], *, unless: str = "") -> bool:
        self.requests += 1
        self.rows[sk] = {"sk": sk, **{name: value for name, value in values.items() if value is not None}}
        return True

    def audit(self, owner: str | None = None) -> Inbox:
        return Inbox(owner or OPERATOR, "table", Clients("us-east-1"))

    def replace(
        self,
        puts: Mapping[str, Mapping[str, Any]],
        deletes: Sequence[str] = (),
        *,
        also: Sequence[dict[str, Any]] = (),
    ) -> None:
        self.told += also
        for sk, values in puts.items():
            self.put(sk, values)
        for sk in deletes:
            self.rows.pop(sk, None)

    def count(self, sk: str, expires_at: int) -> int:
        row = self.rows.setdefault(sk, {"sk": sk, "count": 0})
        row |= {"count": row["count"] + 1, "expires_at": expires_at}
        return int(row["count"])

    def delete(self, sk: str, *, only_if: Mapping[str, Any] | None = None) -> bool:
        self.rows.pop(sk, None)
        return True

    def all(self, prefix: str) -> list[dict[str, Any]]:
        return [row for sk, row in sorted(self.rows.items()) if sk.startswith(prefix)]


class Clock:
    """Seconds since 1970, moved by hand."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now
