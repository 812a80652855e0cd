"""Dashboard sessions: an opaque cookie, and a row in ``ACCESS`` that says whose it is.

Signing out, revoking the token or taking the owner off the list ends a session at once, because nothing is believed
that the row does not say. The row is found by the cookie's SHA-256, so the table holds nothing that could be used.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from manyclaw.access.gate import Principal
from manyclaw.access.tokens import digest
from manyclaw.tenancy import GatewayTable, TenantId

TOKEN_SESSION_SECONDS = 12 * 3600
TELEGRAM_SESSION_SECONDS = 3600

_SECRET = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class WebSession:
    """Who is signed in.

    Attributes
    ----------
    tenant
        None for the operator.
    telegram_user
        The owner who signed in through Telegram; None when an API token did.
    token_sha256
        The token that signed in; "" for Telegram.
    theme
        ``light`` or ``dark`` as Telegram shows itself; "" follows the device.
    expires_at
        Seconds since 1970.
    """

    tenant: TenantId | None
    telegram_user: int | None
    token_sha256: str
    theme: str
    expires_at: int

    def may_see(self, tenant: str) -> bool:
        return self.tenant is None or self.tenant == tenant


def csrf_token(secret: str) -> str:
    """The token that a form of this session must carry; only who can read the page or the cookie knows it."""
    return hmac.new(secret.encode(), b"form", hashlib.sha256).hexdigest()


class WebSessions:
    """Opens, finds and closes sessions. ``clock`` gives seconds since 1970."""

    def __init__(self, access: GatewayTable, clock: Callable[[], float] = time.time) -> None:
        self._access = access
        self._clock = clock

    def open_for_token(self, who: Principal) -> tuple[str, WebSession]:
        """A session for whoever showed an API token; it ends no later than the token."""
        ends = int(self._clock()) + TOKEN_SESSION_SECONDS
        ends = min(ends, who.expires_at) if who.expires_at is not None else ends
        return self._open(WebSession(who.tenant, None, who.token_sha256, "", ends))

    def open_for_telegram(self, tenant: TenantId, user: int, theme: str = "") -> tuple[str, WebSession]:
        """A session for an owner whom Telegram vouches for."""
        ends = int(self._clock()) + TELEGRAM_SESSION_SECONDS
        return self._open(WebSession(tenant, user, "", theme if theme in ("light", "dark") else "", ends))

    def _open(self, session: WebSession) -> tuple[str, WebSession]:
        secret = secrets.token_hex(32)
        row = {
            "tenant": session.tenant,
            "telegram_user": session.telegram_user,
            "token_sha256": session.token_sha256,
            "theme": session.theme,
            "expires_at": session.expires_at,
        }
        self._access.put(f"SESSION#{digest(secret)}", row)
        return secret, session

    def find(self, secret: str) -> WebSession | None:
        """The session of a cookie's value; None when there is none, or it has ended."""
        row = self._access.get(f"SESSION#{digest(secret)}") if _SECRET.fullmatch(secret) else None
        if row is None or int(row["expires_at"]) <= self._clock():
            return None
        user = row.get("telegram_user")
        return WebSession(
            tenant=TenantId(row["tenant"]) if row.get("tenant") else None,
            telegram_user=None if user is None else int(user),
            token_sha256=str(row["token_sha256"]),
            theme=str(row["theme"]),
            expires_at=int(row["expires_at"]),
        )

    def close(self, secret: str) -> None:
        """End a session; safe to repeat."""
        if _SECRET.fullmatch(secret):
            self._access.delete(f"SESSION#{digest(secret)}")
