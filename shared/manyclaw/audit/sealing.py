"""Sealing: what lies in a log's inbox gets its number and its place in the chain.

One transaction moves up to 49 entries: it holds only while HEAD is what the sealer read, so of two sealers at once one
fails and reads again. There is no fork and no gap, and an entry is in the inbox or in the chain, never in neither.
"""

from __future__ import annotations

import json
from typing import Any

from manyclaw.audit.actions import ACTIONS
from manyclaw.audit.chain import GENESIS, HEAD, Head, chain_pk, entry_sk, read_head
from manyclaw.audit.entries import SYSTEM, Inbox, canonical, digest, entry_values
from manyclaw.aws import TransactionRefused, to_item, transact
from manyclaw.errors import Conflict

ENTRIES_A_TRANSACTION = 49
"""A transaction takes a hundred items: HEAD, and for each entry its row and the inbox's that goes."""

TRANSACTIONS_A_PART = 20
"""Sealed at a stretch, before anything is shipped: just under what one segment takes."""

LONGEST_ENTRY = 32_000
"""Characters. Ours are far shorter; 49 of this length stay below the 4 MB that a transaction takes."""

_MOST_BRACKETS = 100
"""An entry has a few lists, and no name in it holds a bracket. What is nested deeper, not every reader could read."""

_REFUSALS = 20
"""So often in a row another sealer may have been faster; more means that somebody wrote where only sealers write."""


def seal(log: Inbox) -> Head:
    """Seal all that the inbox holds; gives the chain's end. Safe to run any number of times at once.

    Raises
    ------
    Conflict
        The chain does not take its next entry: there is a row in its place already.
    """
    while True:
        head, left = seal_part(log)
        if not left:
            return head


def seal_part(log: Inbox, transactions: int = TRANSACTIONS_A_PART) -> tuple[Head, bool]:
    """Seal with at most so many transactions; gives the chain's end, and whether the inbox still holds something.

    Raises
    ------
    Conflict
        As :func:`seal`.
    """
    done = refused = 0
    while refused < _REFUSALS:
        head, rows = read_head(log), _inbox(log)
        if not rows or done == transactions:
            return head, bool(rows)
        try:
            transact(log.clients.dynamodb, _sealing(log, head, rows))
            done, refused = done + 1, 0
        except TransactionRefused:
            refused += 1  # another sealer was faster: what it took is no longer in the inbox
    raise Conflict(
        f"The audit log of {log.owner} takes no entry after number {head.seq}.",
        hint=f"manyclaw audit verify {log.owner} tells what stands in its place.",
    )


def _inbox(log: Inbox) -> list[dict[str, Any]]:
    """The oldest rows, with their keys."""
    answer = log.clients.dynamodb.query(
        TableName=log.table,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues=to_item({":pk": log.pk}),
        ConsistentRead=True,
        Limit=ENTRIES_A_TRANSACTION,
    )
    return [dict(item) for item in answer["Items"]]


def _sealing(log: Inbox, head: Head, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The transaction's items, HEAD first."""
    seq, last = head.seq, head.hash
    puts, deletes = [], []
    for row in rows:
        seq += 1
        text = canonical(_entry(row) | {"owner": log.owner, "seq": seq, "prev": last})
        last = digest(text)
        item = to_item({"pk": chain_pk(log.owner), "sk": entry_sk(seq), "entry": text})
        puts.append({"Put": {"TableName": log.table, "Item": item, "ConditionExpression": "attribute_not_exists(pk)"}})
        deletes.append({"Delete": {"TableName": log.table, "Key": {"pk": row["pk"], "sk": row["sk"]}}})
    return [_moved(log, head, seq, last), *puts, *deletes]


def _moved(log: Inbox, head: Head, seq: int, last: str) -> dict[str, Any]:
    first = head.seq == 0 and head.hash == GENESIS
    values = {":seq": seq, ":hash": last} | ({} if first else {":old": head.seq, ":before": head.hash})
    return {
        "Update": {
            "TableName": log.table,
            "Key": to_item({"pk": chain_pk(log.owner), "sk": HEAD}),
            "UpdateExpression": "SET seq = :seq, #hash = :hash",
            "ConditionExpression": "attribute_not_exists(pk)" if first else "seq = :old AND #hash = :before",
            "ExpressionAttributeNames": {"#hash": "hash"},
            "ExpressionAttributeValues": to_item(values),
        }
    }


def _entry(row: dict[str, Any]) -> dict[str, Any]:
    """What a row of the inbox says. One that is no entry, or too long for one, is told as such and stops nobody."""
    text = str(row.get("entry", {}).get("S", ""))
    try:
        small = len(text) <= LONGEST_ENTRY and text.count("[") + text.count("{") <= _MOST_BRACKETS
        values = json.loads(text) if small else None
        known = isinstance(values, dict) and isinstance(values.get("action"), str) and values["action"] in ACTIONS
        if isinstance(values, dict) and known and len(canonical(values)) <= LONGEST_ENTRY:
            return values
    except (ValueError, TypeError, RecursionError):
        pass
    return entry_values(SYSTEM, "audit.unreadable", "inbox", "failed", {"sha256": digest(text)})
