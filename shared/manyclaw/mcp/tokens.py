"""The token of an MCP server: an SSM SecureString under the tenant's own path, bound to the server's origin.

Whoever may write the overlay may change a server's URL, but is not meant to learn its token. So a token is stored with
the host (and the port, if it is not 443) that it is for and sent to no other: an overlay that points the same name
elsewhere gets no token. It is not bound to the path: whoever answers at one path of an origin is trusted with them all.

The row ``MCP`` says which servers have one, since a tenant's session cannot list paths. It is written before the secret
and cleared after it, so that whatever was stored is found when the tenant is erased.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from manyclaw.audit import intent
from manyclaw.aws import conditionally, from_item, to_item
from manyclaw.errors import BadInput, Conflict
from manyclaw.tenancy import TenantScope, delete_secret, get_secret, put_secret, utc_now

MCP_ROW = "MCP"
MAX_TOKEN_CHARACTERS = 3_500
"""An SSM parameter of the standard tier holds 4 KB."""


@dataclass(frozen=True)
class StoredToken:
    """That a server has a token, and for which host; never the token itself."""

    server: str
    host: str
    stored_at: str


def secret_name(server: str) -> str:
    """Where the token lies below the tenant's SSM path."""
    return f"mcp/{server}"


def list_tokens(scope: TenantScope) -> list[StoredToken]:
    """Which servers have a token, sorted by name."""
    return sorted(_read(scope)[0].values(), key=lambda each: each.server)


def store_token(scope: TenantScope, server: str, host: str, token: str) -> None:
    """Store ``token`` for ``server`` at ``host``, over what was there.

    Raises
    ------
    BadInput
        It can be no token.
    Conflict
        Somebody else changes the tenant's tokens at the same moment.
    """
    if not token.isascii() or not token.isprintable() or " " in token or len(token) > MAX_TOKEN_CHARACTERS:
        raise BadInput(f"That is no token: at most {MAX_TOKEN_CHARACTERS} printable characters without spaces.")
    with intent(scope.audit, "mcp.token", on=f"server:{server}", host=host):
        _change(scope, lambda known: {**known, server: StoredToken(server, host, utc_now())})
        put_secret(scope, secret_name(server), json.dumps({"host": host, "token": token}))


def forget_token(scope: TenantScope, server: str) -> bool:
    """Delete a server's token; False when there was none."""
    with intent(scope.audit, "mcp.forget", on=f"server:{server}"):
        gone = delete_secret(scope, secret_name(server))
        _change(scope, lambda known: {name: each for name, each in known.items() if name != server})
    return gone


def forget_tokens(scope: TenantScope) -> list[str]:
    """Delete all tokens, before a tenant is erased; gives the servers' names. The row goes with the tenant's others."""
    return [each.server for each in list_tokens(scope) if delete_secret(scope, secret_name(each.server))]


def read_token(scope: TenantScope, server: str, host: str) -> str:
    """The token of ``server``, if it was stored for ``host``; else an empty text."""
    stored = get_secret(scope, secret_name(server))
    if not stored:
        return ""
    value = json.loads(stored)
    return str(value["token"]) if value["host"] == host else ""


def _read(scope: TenantScope) -> tuple[dict[str, StoredToken], int]:
    answer = scope.clients.dynamodb.get_item(TableName=scope.table, Key=scope.key(MCP_ROW).wire(), ConsistentRead=True)
    if "Item" not in answer:
        return {}, 0
    row = from_item(dict(answer["Item"]))
    return {name: StoredToken(name, **each) for name, each in json.loads(row["servers"]).items()}, int(row["revision"])


def _change(scope: TenantScope, change: Callable[[dict[str, StoredToken]], dict[str, StoredToken]]) -> None:
    known, revision = _read(scope)
    servers = {name: {"host": each.host, "stored_at": each.stored_at} for name, each in change(known).items()}
    condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(sk)"}
    if revision:
        values = to_item({":revision": revision})
        condition = {"ConditionExpression": "revision = :revision", "ExpressionAttributeValues": values}
    key = scope.key(MCP_ROW)
    row = to_item({"pk": key.pk, "sk": key.sk, "servers": json.dumps(servers), "revision": revision + 1})
    if conditionally(scope.clients.dynamodb.put_item, TableName=scope.table, Item=row, **condition) is None:
        raise Conflict("Somebody else changes the tenant's MCP tokens at this moment.", hint="Repeat it.")
