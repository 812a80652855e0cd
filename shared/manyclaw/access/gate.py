"""The gate: a presented API token in, who it is out."""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from manyclaw.access.throttle import Throttle
from manyclaw.access.tokens import TOKEN_PATTERN, Scope, Token, digest, token_of
from manyclaw.errors import Forbidden, Refused
from manyclaw.tenancy import GatewayTable, TenantId

USED_EVERY_SECONDS = 3600
"""How exactly a token's last use is known: it is written at most once in this time."""

_pool = ThreadPoolExecutor(2, "gate")
"""The token is read beside the counter of failures: two partitions under two rights, so two requests."""

_NOT_VALID = "This API token is not valid."
_HINT = "Send it as `Authorization: Bearer tk_…`; it may have been revoked or have expired."


@dataclass(frozen=True)
class Principal:
    """Who asks: a tenant, or with ``tenant`` None the operator."""

    tenant: TenantId | None
    scopes: frozenset[Scope]
    token_sha256: str = ""
    expires_at: int | None = None

    @property
    def is_operator(self) -> bool:
        return self.tenant is None

    def may_see(self, tenant: str) -> bool:
        """Whether a tenant's existence is any of their business."""
        return self.is_operator or self.tenant == tenant

    def need(self, scope: Scope) -> None:
        """Raises ``Forbidden`` unless they have ``scope``."""
        if scope not in self.scopes:
            raise Forbidden(f"This needs a token with the scope {scope.value}.")


class Gate:
    """Judges tokens. Holds nothing between calls, so that a revoked token is refused at once.

    Over the limit of failed tries even a right guess is refused; only a token that has been used from the same address
    before is let through, so that nobody behind a shared address can shut another out.

    ``refused`` hears once a window and address that a token was not valid, with the tenant that it claimed (None: the
    operator).
    """

    def __init__(
        self,
        gateway: GatewayTable,
        access: GatewayTable,
        clock: Callable[[], float] = time.time,
        refused: Callable[[str | None], None] = lambda _: None,
    ) -> None:
        self._gateway = gateway
        self._refused = refused
        self._access = access
        self._clock = clock
        self.throttle = Throttle(access, clock)

    def identify(self, presented: str, place: str) -> Principal:
        """Who ``presented`` belongs to.

        Parameters
        ----------
        place
            The source address, as the HTTP API saw it.

        Raises
        ------
        Refused
            Malformed, unknown, revoked and expired tokens, all alike.
        Throttled
            Too many failed tries of this place at this tenant's door.
        """
        match = TOKEN_PATTERN.fullmatch(presented)
        if match is None:
            raise Refused(_NOT_VALID, hint=_HINT)
        claimed = match["tenant"]
        sha, here = digest(presented), digest(place)[:16]
        counter = self.throttle.row(place, f"tk_{claimed}" if claimed else "op")
        asked = _pool.submit(self._token, sha, claimed)
        seen = self._access.get_many([f"USED#{sha}", counter])
        used = seen.get(f"USED#{sha}", {})
        if used.get("from") != here:
            self.throttle.judge(int(seen.get(counter, {}).get("count", 0)))
        token = asked.result()
        if token is None:
            if self.throttle.failed(counter) == 1:
                self._refused(claimed)
            raise Refused(_NOT_VALID, hint=_HINT)
        self._remember_use(sha, used, here)
        return Principal(token.tenant, frozenset(token.scopes), sha, token.expires_at)

    def still_good(self, sha: str) -> bool:
        """Whether the token with this hash still is: a dashboard session ends with the token that opened it."""
        row = self._gateway.get(f"TOKEN#{sha}")
        return row is not None and not token_of(row).expired(self._clock())

    def scopes_of(self, sha: str) -> frozenset[Scope]:
        """What the token with this hash is for; nothing if it is no longer good."""
        row = self._gateway.get(f"TOKEN#{sha}")
        token = token_of(row) if row else None
        return frozenset(token.scopes) if token and not token.expired(self._clock()) else frozenset()

    def _token(self, sha: str, claimed: str | None) -> Token | None:
        row = self._gateway.get(f"TOKEN#{sha}")
        if row is None:
            return None
        token = token_of(row)
        same = hmac.compare_digest(str(token.tenant or ""), claimed or "")
        return token if same and not token.expired(self._clock()) else None

    def _remember_use(self, sha: str, used: dict[str, Any], here: str) -> None:
        now = datetime.fromtimestamp(self._clock(), UTC)
        before = used.get("at")
        if before and (now - datetime.fromisoformat(before)).total_seconds() < USED_EVERY_SECONDS:
            return
        at = now.isoformat(timespec="seconds").replace("+00:00", "Z")
        self._access.put(f"USED#{sha}", {"at": at, "from": here})
