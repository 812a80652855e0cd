"""The only owner of LanceDB: searches (invoked), indexing (memory.fifo) and the nightly round (a schedule)."""

from __future__ import annotations

import time
from typing import Any

from manyclaw.errors import BadInput
from manyclaw.logs import configure_logging, fields, guarded
from manyclaw.memory.embedders import load_offline
from manyclaw.memory.native import lancedb
from manyclaw.memory.service import memory
from manyclaw.settings import restored_from_snapshot

log = configure_logging()
lancedb()  # now, at init, where Lambda gives a whole CPU
if restored_from_snapshot():
    load_offline()  # no credentials, no connection, nothing random: what lies in the snapshot is read-only


@guarded
def handler(event: dict[str, Any], _: Any) -> dict[str, Any]:
    """``{"action": "search", "tenant", "subject", "query", "limit"}`` gives ``{"passages"}``; an SQS event the messages
    to be delivered again; ``{"action": "nightly"}`` how many optimizations it ordered; an empty event warms up."""
    if "Records" in event:
        failed = memory().work(event["Records"])
        return {"batchItemFailures": [{"itemIdentifier": message} for message in failed]}
    action = event.get("action", "warm")
    if action == "search":
        return _search(event)
    if action == "nightly":
        return {"ordered": memory().nightly()}
    if action == "warm":
        memory().warm()
        return {}
    raise BadInput(f"{action!r} is no action of the memory function.")


def _search(event: dict[str, Any]) -> dict[str, Any]:
    began = time.perf_counter()
    passages = memory().search(event)
    took = round((time.perf_counter() - began) * 1000, 1)
    log.info("search", extra=fields(tenant=event.get("tenant"), passages=len(passages), milliseconds=took))
    return {"passages": [passage.to_wire() for passage in passages], "milliseconds": took}
