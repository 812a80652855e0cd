"""Who acts in a request, for the audit log: known in steps, as the request is judged."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass

from fastapi import Request

from functions.api.runtime import runtime
from manyclaw.access import Principal, WebSession
from manyclaw.audit import Actor, Inbox, act_as, record
from manyclaw.errors import ManyclawError

_FORGOTTEN_AFTER = 60
"""Seconds."""


@dataclass
class Acting:
    """The actor of one request. It is made where the request comes in and filled where its token or cookie is read.

    The places lie in different threads: they share this object, since none sees the context of the others.
    """

    via: str
    ip: str
    kind: str = "unknown"
    id: str = ""

    def __call__(self) -> Actor:
        return Actor(self.kind, self.id, self.via, self.ip)

    def token(self, who: Principal) -> None:
        """An API token was shown."""
        self._is(who.is_operator, f"token:{who.token_sha256[:12]}")

    def session(self, session: WebSession) -> None:
        """Somebody is signed in."""
        telegram = session.telegram_user
        shown = f"token:{session.token_sha256[:12]}" if telegram is None else f"telegram:{telegram}"
        self._is(session.tenant is None, shown)

    def telegram(self, user: int) -> None:
        """Telegram vouches for an owner."""
        self._is(False, f"telegram:{user}")

    def _is(self, operator: bool, id_: str) -> None:
        self.kind, self.id = "operator" if operator else "owner", id_


def begin(request: Request) -> None:
    """Nobody is known yet, but where from."""
    page = request.url.path.startswith("/dashboard")
    ip = request.client.host if request.client else ""
    request.state.acting = Acting("dashboard" if page else "api", ip)
    act_as(request.state.acting)


def acting_of(request: Request) -> Acting:
    """The request's actor."""
    found = request.state.acting
    assert isinstance(found, Acting)
    return found


def log_of(tenant: str | None) -> Inbox:
    """Where entries of a tenant's log are handed in, or with None of the operator's own; with the function's rights."""
    return runtime().gateway_table.audit(tenant)


def token_refused(tenant: str | None) -> None:
    """A token was not valid."""
    if tenant is None:
        record(log_of(None), "token.refused", on="operator", outcome="refused")
    else:
        _refused(tenant, "token.refused", f"tenant:{tenant}")


def sign_in_refused(tenant: str) -> None:
    """Somebody came through Telegram who is no owner."""
    _refused(tenant, "sign_in", "dashboard")


def _refused(tenant: str, action: str, on: str) -> None:
    """Only a tenant that there is has it in its log: any name that somebody thinks of would begin one otherwise.

    For the others a row is written that goes by itself, so that the time tells nobody which tenants there are.
    """
    here = runtime()
    try:
        here.registry.get(tenant)
    except ManyclawError:
        here.access_table.put(f"REFUSED#{secrets.token_hex(8)}", {"expires_at": int(time.time()) + _FORGOTTEN_AFTER})
    else:
        record(log_of(tenant), action, on=on, outcome="refused")
