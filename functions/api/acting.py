"""Who acts in a request, for the audit log: known in steps, as the request is judged."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import Request

from functions.api.runtime import runtime
from manyclaw.access import Principal, WebSession
from manyclaw.audit import Actor, Inbox, act_as, record
from manyclaw.errors import ManyclawError


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
    """A tenant's audit log, or with None the operator's own."""
    here = runtime()
    return here.scope(tenant).audit if tenant else here.gateway_table.audit()


def token_refused(tenant: str | None) -> None:
    """A token was not valid. Nothing is written for a tenant that is not there: it would begin a log for any name."""
    try:
        if tenant is not None:
            runtime().registry.get(tenant)
    except ManyclawError:
        return
    record(log_of(tenant), "token.refused", on=f"tenant:{tenant}" if tenant else "operator", outcome="refused")


def sign_in_refused(tenant: str) -> None:
    """Somebody came through Telegram who is no owner. As with tokens, only for a tenant that there is."""
    try:
        found = runtime().registry.get(tenant).tenant
    except ManyclawError:
        return
    record(log_of(found), "sign_in", on="dashboard", outcome="refused")
