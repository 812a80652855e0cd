"""The operator's partition of the table, ``GATEWAY``: the registry and what is needed before a tenant is known.

It is touched with the caller's own credentials, never with a tenant's session, and holds nothing that a tenant said:

========================  ==========================================================================
``TENANT#{tenant}``       the registry: status, created_at, updated_at, display_name
``WEBHOOK#{tenant}``      what the webhook checks: secret_sha256 (hex), bot_id, updated_at, relayed?
``BILLING#{tenant}``      limits, markups by day, deleted_at; kept when the tenant goes, for the last invoice
``BOT#{bot id}``          which tenant a Telegram bot is paired with
========================  ==========================================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from manyclaw.aws import Clients, conditionally, from_item, pages, to_item
from manyclaw.settings import Settings

PARTITION = "GATEWAY"


def held(call: Any, **arguments: Any) -> bool:
    """Make a conditional write; False when its condition did not hold."""
    return conditionally(call, **arguments) is not None


class GatewayTable:
    """Reads and conditional writes in the ``GATEWAY`` partition."""

    def __init__(self, settings: Settings, clients: Clients) -> None:
        self._table = settings.table
        self._clients = clients

    def get(self, sk: str) -> dict[str, Any] | None:
        """One row, read consistently, or None."""
        answer = self._clients.dynamodb.get_item(TableName=self._table, Key=_key(sk), ConsistentRead=True)
        return from_item(dict(answer["Item"])) if "Item" in answer else None

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
        item = to_item({"pk": PARTITION, "sk": sk, **values})
        return held(self._clients.dynamodb.put_item, TableName=self._table, Item=item, **arguments)

    def merge(self, sk: str, values: Mapping[str, Any]) -> None:
        """Set some attributes of a row and leave its others alone; makes the row if there is none."""
        self._clients.dynamodb.update_item(
            TableName=self._table,
            Key=_key(sk),
            UpdateExpression="SET " + ", ".join(f"#n{index} = :v{index}" for index in range(len(values))),
            ExpressionAttributeNames={f"#n{index}": name for index, name in enumerate(values)},
            ExpressionAttributeValues=to_item({f":v{index}": value for index, value in enumerate(values.values())}),
        )

    def set_status(self, sk: str, status: str, now: str, *, even_deleting: bool = False) -> bool:
        """Change a row's status; False when there is no such row, or it is being deleted."""
        return set_status(self._clients, self._table, _key(sk), status, now, even_deleting=even_deleting)

    def delete(self, sk: str, *, only_if: Mapping[str, Any] | None = None) -> bool:
        """Remove a row. With ``only_if`` (one attribute and its value), False when the row is another's."""
        arguments: dict[str, Any] = {}
        if only_if:
            ((name, value),) = only_if.items()
            arguments["ConditionExpression"] = "attribute_not_exists(sk) OR #name = :value"
            arguments["ExpressionAttributeNames"] = {"#name": name}
            arguments["ExpressionAttributeValues"] = to_item({":value": value})
        return held(self._clients.dynamodb.delete_item, TableName=self._table, Key=_key(sk), **arguments)

    def page(self, prefix: str, limit: int, after: str = "") -> tuple[list[dict[str, Any]], str]:
        """At most ``limit`` rows whose sort key begins with ``prefix``, in order, and the cursor of the next page.

        The cursor is what follows ``prefix`` in the last row's sort key; empty when there is no further page.
        """
        arguments = self._query(prefix) | {"Limit": limit}
        if after:
            arguments["ExclusiveStartKey"] = _key(prefix + after)
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
            "ExpressionAttributeValues": to_item({":pk": PARTITION, ":prefix": prefix}),
            "ConsistentRead": True,
        }


def set_status(
    clients: Clients, table: str, key: dict[str, Any], status: str, now: str, *, even_deleting: bool = False
) -> bool:
    """Change the status of the row at ``key`` if it exists; what is being deleted stays so.

    ``even_deleting`` lets the deletion itself repeat its first step.
    """
    condition = "attribute_exists(sk)" + ("" if even_deleting else " AND #status <> :deleting")
    values = {":status": status, ":now": now} | ({} if even_deleting else {":deleting": "deleting"})
    return held(
        clients.dynamodb.update_item,
        TableName=table,
        Key=key,
        UpdateExpression="SET #status = :status, updated_at = :now",
        ConditionExpression=condition,
        ExpressionAttributeNames={"#status": "status"},
        ExpressionAttributeValues=to_item(values),
    )


def _key(sk: str) -> dict[str, Any]:
    return to_item({"pk": PARTITION, "sk": sk})
