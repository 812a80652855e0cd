"""The table's stream → sealed and shipped audit logs. At night all of them, for what a trigger may have missed."""

from __future__ import annotations

import time
from functools import cache
from typing import Any

from manyclaw.audit import Round, SealingScopes, every_owner, owners_in, seal_and_ship
from manyclaw.aws import Clients
from manyclaw.errors import Unavailable
from manyclaw.logs import configure_logging, fields, guarded, metric
from manyclaw.settings import settings

log = configure_logging()

_KEEP_SECONDS = 60.0
"""What is left of the function's time for the logs that a round has begun."""
_PARTS_AT_NIGHT = 50
"""Some 49,000 entries of one log. A stream's batch needs one part: it names no more than 500 entries."""


@cache
def _clients() -> Clients:
    return Clients(settings().region)


@cache
def _scopes() -> SealingScopes:
    return SealingScopes(settings(), _clients())


@guarded
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Stream records (keys of inbox rows) in, the number of logs out; an event without either warms the process up.

    Raises ``Unavailable`` after all logs were tried if one failed, so that the stream brings its records again.
    """
    nightly = event.get("action") == "nightly"
    owners = every_owner(settings(), _clients()) if nightly else owners_in(event)
    if not owners:
        log.info("warm")
        return {"logs": 0}
    began = time.monotonic()
    seconds = context.get_remaining_time_in_millis() / 1000 - _KEEP_SECONDS
    parts = _PARTS_AT_NIGHT if nightly else 1
    done = seal_and_ship(_scopes(), settings().audit_bucket, owners, seconds=seconds, parts=parts)
    for owner, error in done.failed.items():
        log.error("audit log not sealed", extra=fields(owner=owner, error=error))
    counts = {"logs": len(owners), "failed": len(done.failed), "unchecked": len(done.unchecked), "left": len(done.left)}
    log.info("sealed", extra=fields(**counts, milliseconds=round((time.monotonic() - began) * 1000)))
    _tell(done, nightly)
    return {"logs": len(owners)}


def _tell(done: Round, nightly: bool) -> None:
    """At night, logs for which no time was left are counted. A stream's batch must come again for them."""
    lacking = {*done.unchecked, *done.left} if nightly else set(done.unchecked)
    if lacking:
        metric(log, "LogsUnchecked", len(lacking))
    again = sorted({*done.failed} if nightly else {*done.failed, *done.unchecked})
    if again:
        raise Unavailable(f"{len(again)} audit logs were not sealed: {', '.join(again[:5])}.")
