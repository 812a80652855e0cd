"""API tokens: ``tk_{tenant}_{32 hex}`` for a tenant, ``op_{32 hex}`` for the operator.

A token is shown once, when it is made; at rest there is only its SHA-256. 128 random bits need no slow hash: there is
nothing to try. Rows in ``GATEWAY``:

============================  =====================================================================
``TOKEN#{sha256}``            found before a tenant is known: id, tenant?, scopes, name, created_at, expires_at?
``TOKENID#{owner}#{id}``      the same with ``sha256``, to list an owner's tokens; owner is a tenant or ``OPERATOR``
============================  =====================================================================

When a token was last used stands in ``ACCESS``, ``USED#{sha256}``: the API's function writes it.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from manyclaw.audit import entry
from manyclaw.errors import BadInput, NotFound
from manyclaw.tenancy import GatewayTable, TenantId, tenant_id, utc_now

TOKEN_PATTERN = re.compile(r"tk_(?P<tenant>[a-z0-9][a-z0-9-]{0,31})_[0-9a-f]{32}|op_[0-9a-f]{32}")
MOST_TOKENS = 50
"""How many tokens one owner may have at a time."""

_OPERATOR = "OPERATOR"
_NAME = re.compile(r"[^\x00-\x1f\x7f]{0,80}")


class Scope(StrEnum):
    """What a tenant's token is for. An operator's has all of them, for every tenant."""

    USAGE_READ = "usage:read"
    CONFIG_WRITE = "config:write"
    CRON_WRITE = "cron:write"
    AUDIT_READ = "audit:read"


def parse_scopes(names: Iterable[str]) -> tuple[Scope, ...]:
    """The scopes of these names, each once. Raises ``BadInput`` for one that there is not, or for none at all."""
    known = {scope.value: scope for scope in Scope}
    chosen = dict.fromkeys(names)
    unknown = [name for name in chosen if name not in known]
    if unknown or not chosen:
        problem = f"There is no scope {unknown[0][:40]!r}." if unknown else "A token needs at least one scope."
        raise BadInput(problem, hint=f"Scopes: {', '.join(known)}.")
    return tuple(known[name] for name in chosen)


@dataclass(frozen=True)
class Token:
    """What is known of a token; never the token itself.

    Attributes
    ----------
    id
        Names it in lists and for revoking: 12 hexadecimal digits of its hash.
    tenant
        None for an operator's token.
    expires_at
        Seconds since 1970, or None: it holds until it is revoked.
    last_used
        ISO 8601, UTC, within an hour; "" when it never was.
    """

    id: str
    tenant: TenantId | None
    scopes: tuple[Scope, ...]
    name: str
    created_at: str
    expires_at: int | None
    last_used: str = ""

    def expired(self, now: float) -> bool:
        return self.expires_at is not None and self.expires_at <= now


def digest(secret: str) -> str:
    """The SHA-256 by which a token or session is found, in hexadecimal."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def token_of(row: dict[str, Any], last_used: str = "") -> Token:
    """The token that a row describes."""
    tenant, expires = row.get("tenant"), row.get("expires_at")
    return Token(
        id=str(row["id"]),
        tenant=TenantId(tenant) if tenant else None,
        scopes=tuple(Scope(name) for name in row["scopes"]),
        name=str(row["name"]),
        created_at=str(row["created_at"]),
        expires_at=None if expires is None else int(expires),
        last_used=last_used,
    )


class Tokens:
    """The operator's use cases on tokens.

    Parameters
    ----------
    gateway, access
        The two partitions; see the module's text.
    """

    def __init__(self, gateway: GatewayTable, access: GatewayTable) -> None:
        self._gateway = gateway
        self._access = access

    def create(
        self, tenant: str | None, scopes: Iterable[str], name: str = "", *, lifetime: int | None = None
    ) -> tuple[str, Token]:
        """Make a token; gives it, this once, and what is known of it from now on.

        Parameters
        ----------
        tenant
            None makes an operator's token, which has every scope for every tenant.
        lifetime
            Seconds until it expires; None: never.

        Raises
        ------
        BadInput
            No tenant id, an unknown scope, an impossible name or lifetime, or the owner has too many tokens.
        """
        owner = tenant_id(tenant) if tenant is not None else None
        chosen = parse_scopes(scopes) if owner else tuple(Scope)
        if not _NAME.fullmatch(name):
            raise BadInput(f"{name[:90]!r} is not a name for a token.", hint="Use up to 80 characters on one line.")
        if lifetime is not None and lifetime <= 0:
            raise BadInput(f"A token cannot live {lifetime} seconds.")
        if len(self._rows(owner)) >= MOST_TOKENS:
            raise BadInput(f"There are {MOST_TOKENS} tokens already.", hint="Revoke those that are not used.")
        secret = f"tk_{owner}_{secrets.token_hex(16)}" if owner else f"op_{secrets.token_hex(16)}"
        sha = digest(secret)
        expires_at = int(time.time()) + lifetime if lifetime is not None else None
        row = {
            "id": sha[:12],
            "tenant": owner,
            "scopes": [scope.value for scope in chosen],
            "name": name,
            "created_at": utc_now(),
            "expires_at": expires_at,
        }
        told = self._entry("token.create", owner, row, expires_at=expires_at)
        self._gateway.replace({f"TOKEN#{sha}": row, _index(owner, sha[:12]): {**row, "sha256": sha}}, also=[told])
        return secret, token_of(row)

    def _entry(self, action: str, owner: TenantId | None, row: dict[str, Any], **more: int | None) -> dict[str, Any]:
        """For the audit log: the token's id, never its name, which may say anything."""
        on, scopes = f"token:{row['id']}", [str(scope) for scope in row["scopes"]]
        return entry(self._gateway.audit(owner), action, on=on, scopes=scopes, more=more)

    def of(self, tenant: str | None) -> list[Token]:
        """The tokens of a tenant, or with None the operators', oldest first; those that have expired are left out."""
        rows = self._rows(tenant_id(tenant) if tenant is not None else None)
        used = self._access.get_many([f"USED#{row['sha256']}" for row in rows]) if rows else {}
        tokens = [token_of(row, str(used.get(f"USED#{row['sha256']}", {}).get("at", ""))) for row in rows]
        now = time.time()
        return sorted((each for each in tokens if not each.expired(now)), key=lambda each: each.created_at)

    def revoke(self, tenant: str | None, token: str) -> Token:
        """End a token at once, with the dashboard sessions that it opened. Raises ``NotFound``."""
        row = self._row(tenant, token)
        owner = TenantId(row["tenant"]) if row.get("tenant") else None
        told = self._entry("token.revoke", owner, row)
        self._gateway.replace({}, [f"TOKEN#{row['sha256']}", _index(owner, row["id"])], also=[told])
        return token_of(row)

    def revoke_all(self, tenant: str) -> int:
        """End all tokens of a tenant, e.g. because it is deleted; gives how many there were."""
        tokens = self._rows(tenant_id(tenant))
        for row in tokens:
            self.revoke(tenant, str(row["id"]))
        return len(tokens)

    def rotate(self, tenant: str | None, token: str, *, grace: int = 0) -> tuple[str, Token]:
        """Make a token with the same scopes and name, and end the old one after ``grace`` seconds.

        The new one has the whole lifetime that the old one had. Raises ``NotFound``, ``BadInput``.
        """
        row = self._row(tenant, token)
        old = token_of(row)
        lifetime = None
        if old.expires_at is not None:
            from datetime import datetime

            lifetime = old.expires_at - int(datetime.fromisoformat(old.created_at).timestamp())
        made = self.create(old.tenant, [scope.value for scope in old.scopes], old.name, lifetime=lifetime)
        if grace <= 0:
            self.revoke(tenant, old.id)
            return made
        ends = min(int(time.time()) + grace, old.expires_at or 2**53)
        values = {name: value for name, value in row.items() if name not in ("pk", "sk")} | {"expires_at": ends}
        bare = {name: value for name, value in values.items() if name != "sha256"}
        told = self._entry("token.rotate", old.tenant, row, ends_at=ends)
        self._gateway.replace({f"TOKEN#{row['sha256']}": bare, _index(old.tenant, old.id): values}, also=[told])
        return made

    def _rows(self, owner: TenantId | None) -> list[dict[str, Any]]:
        return self._gateway.all(_index(owner, ""))

    def _row(self, tenant: str | None, token: str) -> dict[str, Any]:
        owner = tenant_id(tenant) if tenant is not None else None
        row = self._gateway.get(_index(owner, token))
        if row is None:
            whose = f"Tenant {owner} has" if owner else "The operator has"
            raise NotFound(f"{whose} no token {token[:40]!r}.", hint="`manyclaw tokens list` shows the ids.")
        return row


def _index(owner: TenantId | None, token: str) -> str:
    return f"TOKENID#{owner or _OPERATOR}#{token}"
