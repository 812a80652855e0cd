"""Handing in entries. Each lies in its log's inbox, unchained, until the sealer takes it (sealing.py).

Whoever changes a row of the table puts the entry into the same transaction (:func:`entry`), so that neither is ever
there without the other and no request is added. What no transaction reaches (S3, SSM, Telegram) is announced before it
is done and its outcome follows (:func:`intent`). Writers never touch the chain, so a busy tenant's turns do not wait
for one another.

Who acts is known at the border (the command, a request, a turn) and told there once, with :func:`acting`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from manyclaw.audit.entries import SYSTEM, Actor, Inbox, Value, canonical, entry_values
from manyclaw.aws import to_item

_actor: ContextVar[Callable[[], Actor]] = ContextVar("manyclaw_audit_actor", default=lambda: SYSTEM)


@contextmanager
def acting(actor: Actor | Callable[[], Actor]) -> Iterator[None]:
    """All entries that are handed in inside are this actor's. A function is asked when the first entry needs it."""
    token = _actor.set(actor if callable(actor) else lambda: actor)
    try:
        yield
    finally:
        _actor.reset(token)


def act_as(actor: Actor | Callable[[], Actor]) -> None:
    """As :func:`acting`, for the rest of this process or request."""
    _actor.set(actor if callable(actor) else lambda: actor)


def current_actor() -> Actor:
    """Who acts now; the deployment itself where nobody has said."""
    return _actor.get()()


def entry(
    inbox: Inbox,
    action: str,
    *,
    on: str = "",
    outcome: str = "ok",
    actor: Actor | None = None,
    id_: str = "",
    of: str = "",
    more: Mapping[str, Value | None] | None = None,
    **details: Value | None,
) -> dict[str, Any]:
    """An entry as one item of a transaction; see :func:`manyclaw.audit.entries.entry_values` for the parameters.

    ``more`` are further details.
    """
    details |= more or {}
    values = entry_values(actor or current_actor(), action, on, outcome, details, id_=id_, of=of)
    return {"Put": {"TableName": inbox.table, "Item": _row(inbox, values)}}


def record(
    inbox: Inbox,
    action: str,
    *,
    on: str = "",
    outcome: str = "ok",
    actor: Actor | None = None,
    id_: str = "",
    of: str = "",
    **details: Value | None,
) -> str:
    """Hand in an entry by itself, one request; gives its id."""
    return _hand_in(inbox, entry_values(actor or current_actor(), action, on, outcome, details, id_=id_, of=of))


@contextmanager
def intent(inbox: Inbox, action: str, *, on: str = "", **details: Value | None) -> Iterator[dict[str, Value | None]]:
    """Announce a change that no transaction covers, and write down how it ended.

    What is put into the dict that it gives stands among the details of the second entry. If the process dies inside,
    the log holds that it was begun.
    """
    actor = current_actor()

    def hand_in(outcome: str, found: dict[str, Value | None], of: str = "") -> str:
        return _hand_in(inbox, entry_values(actor, action, on, outcome, found, of=of))

    begun = hand_in("begun", dict(details))
    more: dict[str, Value | None] = {}
    try:
        yield more
    except BaseException as error:
        hand_in("failed", {**details, "error": type(error).__name__}, begun)
        raise
    hand_in("ok", {**details, **more}, begun)


def tool_call(
    inbox: Inbox, turn: str, call: str, tool: str, outcome: str, *, server: str = "", milliseconds: int | None = None
) -> dict[str, Any]:
    """The entry of one tool call, as an item for the transaction that journals its result.

    Parameters
    ----------
    call
        The tool_use's id. With ``turn`` it names the entry, and the journal takes each step once: a call that runs
        again after a crash has one entry.
    outcome
        ``ok``, ``failed``, ``refused`` (not allowed, or no such tool), ``unknown``.
    server
        Where a tool runs that is not ours, e.g. an MCP server's name.

    Neither the arguments nor their hash are logged: a short argument is guessed from its hash, and this log cannot
    forget. The turn's own journal has them while it is kept.
    """
    return entry(
        inbox,
        "tool.call",
        on=f"tool:{tool}",
        outcome=outcome,
        id_=f"{turn}/{call}"[:200],
        turn=turn,
        call=call,
        server=server or None,
        milliseconds=milliseconds,
    )


def _hand_in(inbox: Inbox, values: dict[str, Any]) -> str:
    inbox.clients.dynamodb.put_item(TableName=inbox.table, Item=_row(inbox, values))
    return str(values["id"])


def _row(inbox: Inbox, values: dict[str, Any]) -> dict[str, Any]:
    """Inbox rows sort by the time they were handed in."""
    sort_key = f"IN#{time.time_ns():020d}#{values['id']}"
    return to_item({"pk": inbox.pk, "sk": sort_key, "entry": canonical(values)})
