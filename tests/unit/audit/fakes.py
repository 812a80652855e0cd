"""A log's table partitions and its bucket, in memory, with what the audit feature asks of them."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from typing import Any

from manyclaw.audit import Inbox, Locked
from manyclaw.aws import Clients


def _key(item: dict[str, Any]) -> tuple[str, str]:
    return item["pk"]["S"], item["sk"]["S"]


class MemoryDynamo:
    """Rows by (pk, sk). Transactions are applied one after another; conditions are those that sealing uses."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], dict[str, Any]] = {}

    def put_item(self, **call: Any) -> dict[str, Any]:
        self._put(call["Item"])
        return {}

    def _put(self, item: dict[str, Any]) -> None:
        self.rows[_key(item)] = dict(item)

    def get_item(self, **call: Any) -> dict[str, Any]:
        found = self.rows.get((call["Key"]["pk"]["S"], call["Key"]["sk"]["S"]))
        return {"Item": found} if found else {}

    def query(self, **call: Any) -> dict[str, Any]:
        values = {name: value["S"] for name, value in call["ExpressionAttributeValues"].items()}
        low, high = values.get(":low", ""), values.get(":high", "~")
        keys = sorted(key for key in self.rows if key[0] == values[":pk"] and low <= key[1] <= high)
        if call.get("ScanIndexForward") is False:
            keys.reverse()
        found = [self.rows[key] for key in keys[: call.get("Limit", len(keys))]]
        return {"Items": found, "Count": len(found)}

    def transact_write_items(self, TransactItems: list[dict[str, Any]]) -> None:  # noqa: N803
        puts = [item.get("Put", {}) for item in TransactItems]
        taken = ["ConditionExpression" in put and _key(put["Item"]) in self.rows for put in puts]
        if any(taken):
            from botocore.exceptions import ClientError

            reasons = [{"Code": "ConditionalCheckFailed" if each else "None"} for each in taken]
            refusal: Any = {"Error": {"Code": "TransactionCanceledException"}, "CancellationReasons": reasons}
            raise ClientError(refusal, "TransactWriteItems")
        for item in TransactItems:
            if "Put" in item:
                self._put(item["Put"]["Item"])
            elif "Delete" in item:
                del self.rows[item["Delete"]["Key"]["pk"]["S"], item["Delete"]["Key"]["sk"]["S"]]
            else:
                self.update_item(**item["Update"])

    def update_item(self, **call: Any) -> dict[str, Any]:
        key = call["Key"]["pk"]["S"], call["Key"]["sk"]["S"]
        row = self.rows.setdefault(key, dict(call["Key"]))
        names = call.get("ExpressionAttributeNames", {})
        for part in call["UpdateExpression"].removeprefix("SET ").split(", "):
            name, _, value = part.partition(" = ")
            row[names.get(name, name)] = call["ExpressionAttributeValues"][value]
        return {}


class MemoryBucket:
    """Versions by key; nothing is ever deleted, as with Object Lock."""

    def __init__(self) -> None:
        self.versions: dict[str, list[dict[str, Any]]] = {}
        self._now = datetime(2026, 11, 22, tzinfo=UTC)

    def put_object(self, **call: Any) -> None:
        from botocore.exceptions import ClientError

        if call.get("IfNoneMatch") and call["Key"] in self.versions:
            raise ClientError({"Error": {"Code": "PreconditionFailed"}}, "PutObject")
        self._now += timedelta(seconds=1)
        kept = {"Body": call["Body"], "Metadata": call.get("Metadata", {}), "at": self._now}
        self.versions.setdefault(call["Key"], []).append(kept)

    def get_object(self, **call: Any) -> dict[str, Any]:
        kept = self.versions[call["Key"]][int(call.get("VersionId", 0))]
        locked = {"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": datetime(2033, 1, 1, tzinfo=UTC)}
        return {"Body": io.BytesIO(kept["Body"]), "Metadata": kept["Metadata"]} | locked

    def list_object_versions(self, **call: Any) -> dict[str, Any]:
        found = [
            {"Key": key, "VersionId": str(number), "LastModified": kept["at"], "Size": len(kept["Body"])}
            for key, versions in sorted(self.versions.items())
            for number, kept in reversed(list(enumerate(versions)))
            if key.startswith(call["Prefix"])
        ]
        return {"Versions": found}


class MemoryClients(Clients):
    """Both of them."""

    def __init__(self) -> None:
        super().__init__("us-east-1")
        self.table, self.bucket = MemoryDynamo(), MemoryBucket()
        self._made = {}

    @property
    def dynamodb(self) -> Any:
        return self.table

    @property
    def s3(self) -> Any:
        return self.bucket


class Log:
    """One tenant's log."""

    def __init__(self, owner: str = "acme") -> None:
        self.clients = MemoryClients()
        self.inbox = Inbox(owner, "table", self.clients)
        self.locked = Locked(self.clients, "bucket", owner)

    @property
    def rows(self) -> dict[tuple[str, str], dict[str, Any]]:
        return self.clients.table.rows

    @property
    def objects(self) -> dict[str, list[dict[str, Any]]]:
        return self.clients.bucket.versions
