"""The operator's partition of the table, ``GATEWAY``: the registry and what is needed before a tenant is known.

It is touched with the caller's own credentials, never with a tenant's session, and holds nothing that a tenant said:

========================  ==========================================================================
``TENANT#{tenant}``       the registry: status, created_at, updated_at, display_name
``WEBHOOK#{tenant}``      what the webhook checks: secret_sha256 (hex), bot_id, updated_at, relayed?
``BILLING#{tenant}``      limits, markups by day, deleted_at; kept when the tenant goes, for the last invoice
``BOT#{bot id}``          which tenant a Telegram bot is paired with
``TOKEN#…``, ``TOKENID#…``  API tokens, see ``manyclaw.access``
========================  ==========================================================================

A second partition, ``ACCESS``, holds what the API's own function writes: its role reads ``GATEWAY`` and may write only
``ACCESS``, so a fault in the most exposed function can make no token, tenant or pairing. A third, ``MEMORY``, is the
memory function's: which memories the nightly round has to look at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from manyclaw.audit import OPERATOR, Inbox
from manyclaw.aws import Clients, TransactionRefused, conditionally, from_item, pages, to_item, transact
from manyclaw.settings import Settings

PARTITION = "GATEWAY"
ACCESS_PARTITION = "ACCESS"
MEMORY_PARTITION = "MEMORY"


def held(call: Any, **arguments: Any) -> bool:
    """Make a conditional write; False when its condition did not hold."""
    return conditionally(call, **arguments) is not None


class GatewayTable:
    """Reads and conditional writes in the ``GATEWAY`` partition, or in another of those that are no tenant's."""

    def __init__(self, settings: Settings, clients: Clients, partition: str = PARTITION) -> None:
        self._table = settings.table
        self._clients = clients
        self._partition = partition

    def audit(self, owner: str | None = None) -> Inbox:
        """The audit log of a tenant, or the operator's own; entries can be part of this table's transactions."""
        return Inbox(owner or OPERATOR, self._table, self._clients)

    def get(self, sk: str) -> dict[str, Any] | None:
        """One row, read consistently, or None."""
        answer = self._clients.dynamodb.get_item(TableName=self._table, Key=self._key(sk), ConsistentRead=True)
        return from_item(dict(answer["Item"])) if "Item" in answer else None

    def get_many(self, sks: Sequence[str]) -> dict[str, dict[str, Any]]:
        """The rows that are there, by sort key, read consistently in one request for every hundred."""
        found: dict[str, dict[str, Any]] = {}
        for start in range(0, len(sks), 100):
            wanted = [self._key(sk) for sk in sks[start:][:100]]
            while wanted:
                answer: Any = self._clients.dynamodb.batch_get_item(
                    RequestItems={self._table: {"Keys": wanted, "ConsistentRead": True}}
                )
                rows = map(from_item, answer["Responses"].get(self._table, []))
                found |= {row["sk"]: row for row in rows}
                wanted = answer.get("UnprocessedKeys", {}).get(self._table, {}).get("Keys", [])
        return found

    def put(self, sk: str, values: Mapping[str, Any], *, unless: str = "") -> bool:
        """Write a row.

        Parameters
        ----------
        unless
            The attribute that decides when the row is there already: ``"sk"`` writes only a new row; any other name
            writes a new row, or one whose attribute has the same value as in ``values``.

        Returns
        -------
        bool
            False when the row that is there was left alone.
        """
        arguments: dict[str, Any] = {}
        if unless:
            arguments["ConditionExpression"] = "attribute_not_exists(sk)"
            if unless != "sk":
                arguments["ConditionExpression"] += " OR #unless = :same"
                arguments["ExpressionAttributeNames"] = {"#unless": unless}
                arguments["ExpressionAttributeValues"] = to_item({":same": values[unless]})
        item = to_item({"pk": self._partition, "sk": sk, **values})
        return held(self._clients.dynamodb.put_item, TableName=self._table, Item=item, **arguments)

    def replace(
        self,
        puts: Mapping[str, Mapping[str, Any]],
        deletes: Sequence[str] = (),
        *,
        also: Sequence[dict[str, Any]] = (),
    ) -> None:
        """Write and remove several rows, all or none, with ``also``'s items of other partitions.

        Raises ``Unavailable`` when the rows stay in contention.
        """
        items: list[dict[str, Any]] = [
            {"Put": {"TableName": self._table, "Item": to_item({"pk": self._partition, "sk": sk, **values})}}
            for sk, values in puts.items()
        ]
        items += [{"Delete": {"TableName": self._table, "Key": self._key(sk)}} for sk in deletes]
        transact(self._clients.dynamodb, [*items, *also])

    def count(self, sk: str, expires_at: int) -> int:
        """Add one to a row's ``count`` and give the sum; the row goes after ``expires_at`` (seconds since 1970)."""
        answer = self._clients.dynamodb.update_item(
            TableName=self._table,
            Key=self._key(sk),
            UpdateExpression="ADD #count :one SET expires_at = :expires_at",
            ExpressionAttributeNames={"#count": "count"},
            ExpressionAttributeValues=to_item({":one": 1, ":expires_at": expires_at}),
            ReturnValues="UPDATED_NEW",
        )
        return int(from_item(dict(answer["Attributes"]))["count"])

    def merge(self, sk: str, values: Mapping[str, Any], *, also: Sequence[dict[str, Any]] = ()) -> None:
        """Set some attributes of a row and leave its others alone; makes the row if there is none.

        ``also`` are items of other partitions in the same transaction.
        """
        update = {
            "TableName": self._table,
            "Key": self._key(sk),
            "UpdateExpression": "SET " + ", ".join(f"#n{index} = :v{index}" for index in range(len(values))),
            "ExpressionAttributeNames": {f"#n{index}": name for index, name in enumerate(values)},
            "ExpressionAttributeValues": to_item({f":v{index}": value for index, value in enumerate(values.values())}),
        }
        transact(self._clients.dynamodb, [{"Update": update}, *also])

    def set_status(self, sk: str, status: str, now: str, *, even_deleting: bool = False) -> bool:
        """Change a row's status; False when there is no such row, or it is being deleted."""
        return set_status(self._clients, self._table, self._key(sk), status, now, even_deleting=even_deleting)

    def delete(self, sk: str, *, only_if: Mapping[str, Any] | None = None) -> bool:
        """Remove a row. With ``only_if`` (one attribute and its value), False when the row is another's."""
        arguments: dict[str, Any] = {}
        if only_if:
            ((name, value),) = only_if.items()
            arguments["ConditionExpression"] = "attribute_not_exists(sk) OR #name = :value"
            arguments["ExpressionAttributeNames"] = {"#name": name}
            arguments["ExpressionAttributeValues"] = to_item({":value": value})
        return held(self._clients.dynamodb.delete_item, TableName=self._table, Key=self._key(sk), **arguments)

    def page(self, prefix: str, limit: int, after: str = "") -> tuple[list[dict[str, Any]], str]:
        """At most ``limit`` rows whose sort key begins with ``prefix``, in order, and the cursor of the next page.

        The cursor is what follows ``prefix`` in the last row's sort key; empty when there is no further page.
        """
        arguments = self._query(prefix) | {"Limit": limit}
        if after:
            arguments["ExclusiveStartKey"] = self._key(prefix + after)
        answer = self._clients.dynamodb.query(**arguments)
        last = answer.get("LastEvaluatedKey")
        rows = [from_item(dict(item)) for item in answer["Items"]]
        return rows, str(last["sk"]["S"]).removeprefix(prefix) if last else ""

    def all(self, prefix: str) -> list[dict[str, Any]]:
        """Every row whose sort key begins with ``prefix``, in order."""
        return [from_item(item) for item in pages(self._clients.dynamodb.query, "Items", **self._query(prefix))]

    def _query(self, prefix: str) -> dict[str, Any]:
        return {
            "TableName": self._table,
            "KeyConditionExpression": "pk = :pk AND begins_with(sk, :prefix)",
            "ExpressionAttributeValues": to_item({":pk": self._partition, ":prefix": prefix}),
            "ConsistentRead": True,
        }

    def _key(self, sk: str) -> dict[str, Any]:
        return to_item({"pk": self._partition, "sk": sk})


def set_status(
    clients: Clients,
    table: str,
    key: dict[str, Any],
    status: str,
    now: str,
    *,
    even_deleting: bool = False,
    also: Sequence[dict[str, Any]] = (),
) -> bool:
    """Change the status of the row at ``key`` if it exists; what is being deleted stays so.

    ``even_deleting`` lets the deletion itself repeat its first step; ``also`` are items of the same transaction.
    """
    condition = "attribute_exists(sk)" + ("" if even_deleting else " AND #status <> :deleting")
    values = {":status": status, ":now": now} | ({} if even_deleting else {":deleting": "deleting"})
    update = {
        "TableName": table,
        "Key": key,
        "UpdateExpression": "SET #status = :status, updated_at = :now",
        "ConditionExpression": condition,
        "ExpressionAttributeNames": {"#status": "status"},
        "ExpressionAttributeValues": to_item(values),
    }
    try:
        transact(clients.dynamodb, [{"Update": update}, *also])
    except TransactionRefused:
        return False
    return True
