"""Which logs are to be sealed: those whose inboxes a stream's records name, or at night all."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from manyclaw.audit.entries import OPERATOR
from manyclaw.audit.sealing import seal_part
from manyclaw.audit.sealing_scope import SealingScopes
from manyclaw.audit.shipping import ship
from manyclaw.aws import Clients, pages, to_item
from manyclaw.settings import Settings

SIDE_BY_SIDE = 8
"""Logs that are sealed at once."""

_OWNER = re.compile(rf"[a-z0-9][a-z0-9-]{{0,31}}|{OPERATOR}")


@dataclass(frozen=True)
class Round:
    """What a round did.

    Attributes
    ----------
    unchecked
        Logs for which no time was left, sorted. A round begins elsewhere each time, so the next one comes to them.
    left
        Logs that were sealed and shipped in part, sorted: more was handed in than the round takes of one log.
    failed
        What went wrong, by log.
    """

    unchecked: tuple[str, ...]
    left: tuple[str, ...]
    failed: dict[str, str]


def owners_in(event: dict[str, Any]) -> list[str]:
    """The logs that a DynamoDB stream's event is about, each once. What is nobody's log is passed over."""
    keys = (record["dynamodb"]["Keys"]["pk"]["S"] for record in event.get("Records", []))
    found = {pk.removesuffix("#INBOX") for pk in keys if pk.endswith("#INBOX")}
    return sorted(owner for owner in found if _OWNER.fullmatch(owner))


def every_owner(settings: Settings, clients: Clients) -> list[str]:
    """All tenants that there are or were, and the operator."""
    found = {OPERATOR}
    for prefix in ("TENANT#", "BILLING#"):
        rows = pages(
            clients.dynamodb.query,
            "Items",
            TableName=settings.table,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :prefix)",
            ExpressionAttributeValues=to_item({":pk": "GATEWAY", ":prefix": prefix}),
            ProjectionExpression="sk",
        )
        found |= {row["sk"]["S"].removeprefix(prefix) for row in rows}
    return sorted(found)


def seal_and_ship(
    scopes: SealingScopes, bucket: str, owners: Iterable[str], *, seconds: float = float("inf"), parts: int = 1
) -> Round:
    """Seal and ship these logs, several at once and in any order. One that cannot be sealed stops no other.

    Parameters
    ----------
    seconds
        No further log is begun after this.
    parts
        How often one log is come back to while its inbox still holds something. Each part is shipped before the next
        is sealed, and all logs have had theirs before: one that is filled as fast as it is sealed holds up nobody.
    """
    end = time.monotonic() + seconds
    waiting, failed = list(owners), {}
    left: set[str] = set()
    random.shuffle(waiting)

    def one(owner: str) -> bool:
        """Whether its turn came."""
        if time.monotonic() > end:
            return False
        left.discard(owner)
        try:
            log = scopes.open(owner)
            head, more = seal_part(log)
            ship(log, bucket, head)
            if more:
                left.add(owner)
        except Exception as error:  # told for every log, whatever it is
            failed[owner] = f"{type(error).__name__}: {error}"
        return True

    unchecked: set[str] = set()
    with ThreadPoolExecutor(SIDE_BY_SIDE, thread_name_prefix="seal") as pool:
        for _ in range(parts):
            turns = dict(zip(waiting, pool.map(one, waiting), strict=True))
            unchecked |= {owner for owner, came in turns.items() if not came} - left
            waiting = [owner for owner, came in turns.items() if came and owner in left]
    return Round(tuple(sorted(unchecked)), tuple(sorted(left)), failed)
