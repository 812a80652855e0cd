"""Shipping: what is sealed goes to the bucket with Object Lock, as segments of JSON lines.

A segment's key names its first entry, and it is put there only if no such key is there yet, so of two shippers at once
one writes and the other takes up what it finds. HEAD notes how far the bucket has got; if the process dies in between,
the next one finds the segment, compares it and goes on behind it.
"""

from __future__ import annotations

from itertools import islice
from typing import Any

from manyclaw.audit.chain import HEAD, Head, chain_pk, read_head, read_texts
from manyclaw.audit.entries import OPERATOR, Inbox, digest
from manyclaw.aws import conditionally, error_code, to_item
from manyclaw.errors import Misconfigured

ENTRIES_A_SEGMENT = 1_000


def prefix_of(owner: str) -> str:
    """Where a log's segments lie. The operator's name is no tenant's: no id has capital letters."""
    return f"logs/{owner}/"


def segment_key(owner: str, first: int) -> str:
    """The key of the segment that begins with entry ``first``."""
    return f"{prefix_of(owner)}{first:012d}.jsonl"


def ship(log: Inbox, bucket: str, head: Head | None = None) -> Head:
    """Ship all that is sealed and not in the bucket yet; gives HEAD as it then stands.

    Raises
    ------
    Misconfigured
        The bucket holds another chain than the table: somebody has changed one of them. ``audit verify`` tells which.
    """
    head = head or read_head(log)
    while head.shipped < head.seq:
        first = head.shipped + 1
        lines = [text for _, text in islice(read_texts(log, first, head.seq), ENTRIES_A_SEGMENT)]
        last = _put(log, bucket, first, lines)
        _note(log, last)
        head = Head(head.seq, head.hash, last)
    return head


def _put(log: Inbox, bucket: str, first: int, lines: list[str]) -> int:
    """Write a segment; gives the number of the last entry in it, or in the one that was there before."""
    from botocore.exceptions import ClientError

    last = first + len(lines) - 1
    try:
        log.clients.s3.put_object(
            Bucket=bucket,
            Key=segment_key(log.owner, first),
            Body="".join(f"{line}\n" for line in lines).encode("ascii"),
            ContentType="application/jsonl",
            ChecksumAlgorithm="SHA256",
            Metadata={"first": str(first), "last": str(last), "sha256-of-last": digest(lines[-1])},
            IfNoneMatch="*",
        )
    except ClientError as error:
        if error_code(error) not in ("PreconditionFailed", "ConditionalRequestConflict", "412", "409"):
            raise
        return _found(log, bucket, first, lines)
    return last


def _found(log: Inbox, bucket: str, first: int, lines: list[str]) -> int:
    """The end of a segment that another shipper wrote; it must be the same chain."""
    body = log.clients.s3.get_object(Bucket=bucket, Key=segment_key(log.owner, first))["Body"].read()
    stored = body.decode("ascii", "replace").splitlines()
    common = min(len(stored), len(lines))
    if not stored or stored[:common] != lines[:common] or first + len(stored) - 1 > read_head(log).seq:
        raise Misconfigured(
            f"The bucket's copy of the audit log of {log.owner} differs from the table from entry {first} on.",
            hint=f"Run `manyclaw audit verify {'--operator' if log.owner == OPERATOR else log.owner}`.",
        )
    return first + len(stored) - 1


def _note(log: Inbox, last: int) -> None:
    values: dict[str, Any] = {":last": last}
    conditionally(
        log.clients.dynamodb.update_item,
        TableName=log.table,
        Key=to_item({"pk": chain_pk(log.owner), "sk": HEAD}),
        UpdateExpression="SET shipped = :last",
        ConditionExpression="attribute_exists(pk) AND (attribute_not_exists(shipped) OR shipped < :last)",
        ExpressionAttributeValues=to_item(values),
    )
