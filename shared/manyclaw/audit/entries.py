"""What an entry is: who did what, on what, with which outcome, when and from where. Never a text, never a secret.

Nothing free gets in. Actions, outcomes and details are those of :mod:`manyclaw.audit.actions`; every value is a number
or a short name, and what is neither is written as its hash. So a message, or a tool's name that a model made up from
one, cannot slip in by a mistake of the caller.
"""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from manyclaw.audit.actions import ACTIONS, ACTORS, OUTCOMES
from manyclaw.aws import Clients
from manyclaw.clock import utc_now

OPERATOR = "GATEWAY"
"""Whose log holds what belongs to no tenant."""

FORMAT = 1
_NAME = re.compile(r"[A-Za-z0-9_.:/@#+=*,\"-]{0,256}")
_SECRETS = re.compile(r"(tk|op)_[a-z0-9_-]*[0-9a-f]{32}|\d{6,}:[A-Za-z0-9_-]{30,}|sk-[a-z]+-")
_MOST_VALUES = 50

Value = str | int | bool | Sequence[str]


@dataclass(frozen=True)
class Actor:
    """Who acts, and from where.

    Attributes
    ----------
    kind
        One of ``ACTORS``.
    id
        What AWS, Telegram or the list of tokens knows them by, such as ``telegram:4711`` or ``token:3f9a1c20b7de``.
    via
        cli, api, dashboard, telegram, schedule or system.
    ip
        The source address, where there is one.
    """

    kind: str
    id: str = ""
    via: str = ""
    ip: str = ""


SYSTEM = Actor("system", via="system")


@dataclass(frozen=True)
class Inbox:
    """Where entries of one log are handed in. ``owner`` is a tenant's id, or :data:`OPERATOR`."""

    owner: str
    table: str
    clients: Clients

    @property
    def pk(self) -> str:
        return f"{self.owner}#INBOX"


def canonical(values: dict[str, Any]) -> str:
    """JSON in the one form that is hashed: sorted keys, no spaces, ASCII only."""
    return json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def digest(text: str | bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(text.encode() if isinstance(text, str) else text).hexdigest()


def entry_values(
    actor: Actor, action: str, on: str, outcome: str, details: dict[str, Value | None], *, id_: str = "", of: str = ""
) -> dict[str, Any]:
    """An entry before it has a place in the chain.

    Parameters
    ----------
    id_
        Names what happened, where a retry must not be told apart from the first time; random by default.
    of
        The id of the entry whose outcome this is.

    Raises
    ------
    ValueError
        An action, actor, outcome or detail that is not known: a mistake in the source.
    """
    known = ACTIONS.get(action)
    if known is None or outcome not in OUTCOMES or actor.kind not in ACTORS:
        raise ValueError(f"no such entry: {actor.kind} {action} {outcome}")
    given = {name: value for name, value in details.items() if value is not None}
    if set(given) - set(known.details) - {"error"}:
        raise ValueError(f"{action} has no details {sorted(set(given) - set(known.details))}")
    values: dict[str, Any] = {
        "v": FORMAT,
        "id": id_ or uuid.uuid4().hex,
        "at": utc_now(),
        "action": action,
        "outcome": outcome,
        "actor": actor.kind,
        "actor_id": name_of(actor.id),
        "via": name_of(actor.via),
        "ip": name_of(actor.ip),
        "on": name_of(on),
        "details": {name: _value(value) for name, value in given.items()},
    }
    return values | ({"of": of} if of else {})


def name_of(text: str) -> str:
    """``text`` if it is a name; what is none, or looks like a secret, as the beginning of its hash."""
    if _NAME.fullmatch(text) and not _SECRETS.search(text):
        return text
    return f"sha256:{digest(text.encode('utf-8', 'surrogatepass'))[:16]}"


def _value(value: Value | None) -> Any:
    if isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        return name_of(value)
    return [name_of(str(each)) for each in list(value or ())[:_MOST_VALUES]]
