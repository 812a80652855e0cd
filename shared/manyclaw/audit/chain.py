"""A log's chain in the table: ``{owner}#AUDIT`` with ``HEAD`` and ``E#{seq}``.

An entry is its canonical JSON text, which holds the log's owner, its own number and, as ``prev``, the SHA-256 of the
text before it. Its own hash stands in the next one, and in HEAD for the last.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from manyclaw.audit.entries import Inbox
from manyclaw.aws import from_item, to_item

GENESIS = "0" * 64
"""The ``prev`` of a log's first entry."""

HEAD = "HEAD"


@dataclass(frozen=True)
class Head:
    """The end of a chain: the last number and its hash; and up to which number the bucket has it."""

    seq: int = 0
    hash: str = GENESIS
    shipped: int = 0


def chain_pk(owner: str) -> str:
    """The partition that holds a log's chain."""
    return f"{owner}#AUDIT"


def entry_sk(seq: int) -> str:
    """The sort key of an entry."""
    return f"E#{seq:012d}"


def read_head(log: Inbox) -> Head:
    """The end of the chain, read consistently; an empty one where nothing was ever sealed."""
    key = to_item({"pk": chain_pk(log.owner), "sk": HEAD})
    answer = log.clients.dynamodb.get_item(TableName=log.table, Key=key, ConsistentRead=True)
    if "Item" not in answer:
        return Head()
    row = from_item(dict(answer["Item"]))
    return Head(int(row["seq"]), str(row["hash"]), int(row.get("shipped", 0)))


def read_texts(log: Inbox, first: int = 1, last: int = 10**12 - 1) -> Iterator[tuple[int, str]]:
    """(number, text) of the entries as the table holds them, in order, a page at a time."""
    arguments = _query(log, entry_sk(first), entry_sk(last))
    while True:
        answer: dict[str, Any] = dict(log.clients.dynamodb.query(**arguments))
        for item in answer["Items"]:
            yield _numbered(item)
        if not answer.get("LastEvaluatedKey"):
            return
        arguments["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


def page_back(log: Inbox, limit: int, before: int = 10**12 - 1) -> list[tuple[int, dict[str, Any]]]:
    """Up to ``limit`` entries numbered below ``before``, the newest first."""
    arguments = _query(log, entry_sk(1), entry_sk(max(before - 1, 0))) | {"ScanIndexForward": False, "Limit": limit}
    if before <= 1:
        return []
    answer: dict[str, Any] = dict(log.clients.dynamodb.query(**arguments))
    return [(seq, _loaded(text)) for seq, text in map(_numbered, answer["Items"])]


def waiting(log: Inbox) -> int:
    """How many entries lie in the inbox; at most one page of them is counted."""
    answer = log.clients.dynamodb.query(
        TableName=log.table,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues=to_item({":pk": log.pk}),
        Select="COUNT",
    )
    return int(answer["Count"])


def _query(log: Inbox, low: str, high: str) -> dict[str, Any]:
    return {
        "TableName": log.table,
        "KeyConditionExpression": "pk = :pk AND sk BETWEEN :low AND :high",
        "ExpressionAttributeValues": to_item({":pk": chain_pk(log.owner), ":low": low, ":high": high}),
        "ConsistentRead": True,
    }


def _numbered(item: dict[str, Any]) -> tuple[int, str]:
    number = item["sk"]["S"].removeprefix("E#")
    return int(number) if number.isdigit() else 0, str(item.get("entry", {}).get("S", ""))


def _loaded(text: str) -> dict[str, Any]:
    """An entry for people to look at; one that cannot be read says so instead of hiding the others."""
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {"action": "unreadable", "outcome": "unknown"}
