"""Removing files with all their versions, and rows: on a versioned bucket a plain delete only hides a file."""

from __future__ import annotations

from typing import Any

from manyclaw.aws import pages, to_item, transact
from manyclaw.errors import Unavailable
from manyclaw.tenancy.scope import TenantScope

_ROWS_A_TRANSACTION = 100
_OBJECTS_A_CALL = 1_000


def remove_objects(scope: TenantScope, path: str, *, dry_run: bool = False, only_old: bool = False) -> int:
    """Remove every version of every file under ``path`` of the tenant's prefix; gives how many there were.

    Parameters
    ----------
    path
        ``""`` for all that the tenant has. A folder's path ends with a slash.
    only_old
        Leave the current version of files that are there.

    Raises
    ------
    Unavailable
        The bucket refuses to remove some of them.
    """
    arguments: dict[str, Any] = {"Bucket": scope.bucket, "Prefix": scope.object_key(path), "MaxKeys": _OBJECTS_A_CALL}
    count = 0
    while True:
        answer: dict[str, Any] = dict(scope.clients.s3.list_object_versions(**arguments))
        found = answer.get("Versions", []) + answer.get("DeleteMarkers", [])
        found = [each for each in found if not (only_old and each["IsLatest"] and "Size" in each)]
        count += len(found)
        if found and not dry_run:
            _delete_versions(scope, found)
        if not answer.get("IsTruncated"):
            return count
        arguments["KeyMarker"] = answer["NextKeyMarker"]
        arguments["VersionIdMarker"] = answer["NextVersionIdMarker"]


def _delete_versions(scope: TenantScope, found: list[dict[str, Any]]) -> None:
    for start in range(0, len(found), _OBJECTS_A_CALL):
        objects = [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in found[start:][:_OBJECTS_A_CALL]]
        answer = scope.clients.s3.delete_objects(
            Bucket=scope.bucket,
            Delete={"Objects": objects, "Quiet": True},  # type: ignore[typeddict-item]
        )
        if answer.get("Errors"):
            first = answer["Errors"][0]
            raise Unavailable(
                f"{len(answer['Errors'])} files of tenant {scope.tenant} were not removed "
                f"({first.get('Key')}: {first.get('Code')}).",
                hint="Do it again.",
            )


def row_keys(scope: TenantScope, pk: str, prefix: str = "") -> list[dict[str, Any]]:
    """The keys, as DynamoDB has them, of a partition's rows whose sort key begins with ``prefix``."""
    values = {":pk": pk} | ({":prefix": prefix} if prefix else {})
    return pages(
        scope.clients.dynamodb.query,
        "Items",
        TableName=scope.table,
        KeyConditionExpression="pk = :pk" + (" AND begins_with(sk, :prefix)" if prefix else ""),
        ExpressionAttributeValues=to_item(values),
        ProjectionExpression="pk, sk",
        ConsistentRead=True,
    )


def remove_rows(scope: TenantScope, rows: list[dict[str, Any]]) -> None:
    """Delete the rows of these keys."""
    change_rows(scope, [{"Delete": {"TableName": scope.table, "Key": _key(row)}} for row in rows])


def strip_rows(scope: TenantScope, rows: list[dict[str, Any]], attributes: tuple[str, ...]) -> None:
    """Take ``attributes`` out of the rows of these keys, and leave the rows."""
    names = {f"#a{number}": name for number, name in enumerate(attributes)}
    update = {"UpdateExpression": f"REMOVE {', '.join(names)}", "ExpressionAttributeNames": names}
    changes = [{"Update": {"TableName": scope.table, "Key": _key(row), **update}} for row in rows]
    change_rows(scope, changes)


def change_rows(scope: TenantScope, changes: list[dict[str, Any]]) -> None:
    """Many independent changes, a hundred a request."""
    for start in range(0, len(changes), _ROWS_A_TRANSACTION):
        transact(scope.clients.dynamodb, changes[start:][:_ROWS_A_TRANSACTION])


def _key(row: dict[str, Any]) -> dict[str, Any]:
    return {"pk": row["pk"], "sk": row["sk"]}
