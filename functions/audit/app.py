"""The table's stream → sealed and shipped audit logs. At night all of them, for what a trigger may have missed."""

from __future__ import annotations

import time
from functools import cache
from typing import Any

from manyclaw.audit import SealingScopes, every_owner, owners_in, seal_and_ship
from manyclaw.aws import Clients
from manyclaw.errors import Unavailable
from manyclaw.logs import configure_logging, fields, guarded
from manyclaw.settings import settings

log = configure_logging()


@cache
def _clients() -> Clients:
    return Clients(settings().region)


@cache
def _scopes() -> SealingScopes:
    return SealingScopes(settings(), _clients())


@guarded
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Stream records (keys of inbox rows) in, the number of logs out; an event without either warms the process up.

    Raises ``Unavailable`` after all logs were tried if one failed, so that the stream brings its records again.
    """
    nightly = event.get("action") == "nightly"
    owners = every_owner(settings(), _clients()) if nightly else owners_in(event)
    began = time.monotonic()
    _, failed = seal_and_ship(_scopes(), settings().audit_bucket, owners)
    for owner, error in failed.items():
        log.error("audit log not sealed", extra=fields(owner=owner, error=error))
    log.info(
        "sealed" if owners else "warm",
        extra=fields(logs=len(owners), failed=len(failed), milliseconds=round((time.monotonic() - began) * 1000)),
    )
    if failed:
        raise Unavailable(f"{len(failed)} audit logs were not sealed: {', '.join(sorted(failed)[:5])}.")
    return {"logs": len(owners)}
