"""Looking into a log: pages of entries, newest first, by action, actor, outcome and time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from manyclaw.audit.chain import page_back, read_texts
from manyclaw.audit.entries import Inbox
from manyclaw.errors import BadInput

_ROWS_A_REQUEST = 500
_MOST_ROWS = 5_000
"""How many rows one page may look through; a page of a filter that hardly matches ends early, with a cursor."""


@dataclass(frozen=True)
class Filter:
    """What entries are wanted. ``action`` may be a prefix such as ``token.``; times are compared as ISO texts."""

    action: str = ""
    actor: str = ""
    outcome: str = ""
    first: str = ""
    last: str = ""

    def takes(self, values: dict[str, Any]) -> bool:
        """Whether an entry is among them."""
        action, at = str(values.get("action", "")), str(values.get("at", ""))
        return (
            (not self.action or action == self.action or (self.action.endswith(".") and action.startswith(self.action)))
            and self.actor in ("", values.get("actor"), values.get("actor_id"))
            and self.outcome in ("", values.get("outcome"))
            and (not self.first or at >= self.first)
            and (not self.last or at[: len(self.last)] <= self.last)
        )


@dataclass(frozen=True)
class Page:
    """Entries, newest first; ``cursor`` asks for older ones and is empty at the end."""

    entries: list[dict[str, Any]]
    cursor: str


def page(log: Inbox, wanted: Filter, limit: int, cursor: str = "") -> Page:
    """A page of a log. Raises ``BadInput`` for a cursor that is none."""
    if cursor and not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 12):
        raise BadInput("That is not a cursor.", hint="Give the next_cursor of the page before, or none.")
    before = int(cursor) if cursor else 10**12 - 1
    found: list[dict[str, Any]] = []
    looked = 0
    while True:
        size = min(_ROWS_A_REQUEST, limit - len(found) if wanted == Filter() else _ROWS_A_REQUEST)
        rows = page_back(log, size, before)
        for seq, values in rows:
            before = seq
            if wanted.takes(values):
                found.append(values)
            if len(found) == limit:
                return Page(found, str(before) if before > 1 else "")
        looked += len(rows)
        if not rows or before <= 1:
            return Page(found, "")
        if looked >= _MOST_ROWS:
            return Page(found, str(before))


def texts(log: Inbox) -> Iterator[str]:
    """Every entry as it was sealed, oldest first."""
    return (text for _, text in read_texts(log))
