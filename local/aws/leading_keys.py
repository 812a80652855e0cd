"""`dynamodb:LeadingKeys`, which MiniStack leaves out of the request context.

Without it every condition on leading keys lets all through (`ForAllValues` is true for an absent key), and the wall
between tenants would only be seen on AWS. Here it is always present for calls that name items: a key that cannot be
read becomes UNKNOWN, which no tenant's pattern matches, so what we fail to understand is refused.
"""

import json
import re
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

UNKNOWN = "\x00unknown"

# The item calls; Scan and PartiQL have no leading keys on AWS either, so no tenant may be granted them.
ITEM_ACTIONS = frozenset(
    f"dynamodb:{name}"
    for name in (
        *("GetItem", "PutItem", "UpdateItem", "DeleteItem", "ConditionCheckItem", "Query"),
        *("BatchGetItem", "BatchWriteItem", "TransactGetItems", "TransactWriteItems"),
    )
)

# (table name or ARN, index name or None) -> the partition key's attribute name, or None if there is no such table.
KeyNameOf = Callable[[str, str | None], str | None]

_EQUALITY = re.compile(r"([#\w.-]+)\s*=\s*(:[\w.-]+)|(:[\w.-]+)\s*=\s*([#\w.-]+)")
_action: ContextVar[str] = ContextVar("manyclaw_iam_action", default="")


def current_action() -> str:
    """The IAM action of the request being served, such as `dynamodb:GetItem`, or an empty string."""
    return _action.get()


def leading_keys(request: dict[str, Any], key_name_of: KeyNameOf) -> list[str]:
    """The partition key values that a DynamoDB request touches, with UNKNOWN for each one that cannot be told."""
    keys = list(_keys_of(request, key_name_of))
    return keys or [UNKNOWN]


def _keys_of(request: dict[str, Any], key_name_of: KeyNameOf) -> Iterator[str]:
    if "TransactItems" in request:
        for entry in request["TransactItems"] or []:
            for member in entry.values():
                yield from _single(member, key_name_of)
    elif "RequestItems" in request:
        for table, wanted in (request["RequestItems"] or {}).items():
            name = key_name_of(table, None)
            for item in _batch_items(wanted):
                yield _value(item.get(name or ""))
    else:
        yield from _single(request, key_name_of)


def _single(request: dict[str, Any], key_name_of: KeyNameOf) -> Iterator[str]:
    name = key_name_of(str(request.get("TableName", "")), request.get("IndexName"))
    named = [request[part] for part in ("Key", "Item") if part in request]
    for item in named:
        yield _value(item.get(name or ""))
    if not named:
        yield _query_key(request, name)


def _batch_items(wanted: Any) -> Iterator[dict[str, Any]]:
    """The items of one table of a BatchGetItem (a dict with Keys) or BatchWriteItem (a list of requests)."""
    if isinstance(wanted, dict):
        yield from wanted.get("Keys", [])
        return
    for request in wanted:
        for kind, part in (("PutRequest", "Item"), ("DeleteRequest", "Key")):
            if kind in request:
                yield request[kind][part]


def _query_key(request: dict[str, Any], name: str | None) -> str:
    if name is None:
        return UNKNOWN
    conditions = request.get("KeyConditions")
    if isinstance(conditions, dict) and name in conditions:
        condition = conditions[name]
        values = condition.get("AttributeValueList", [])
        return _value(values[0]) if condition.get("ComparisonOperator") == "EQ" and len(values) == 1 else UNKNOWN
    names = request.get("ExpressionAttributeNames") or {}
    values = request.get("ExpressionAttributeValues") or {}
    found = []
    for match in _EQUALITY.finditer(str(request.get("KeyConditionExpression", ""))):
        attribute, placeholder = match.group(1) or match.group(4), match.group(2) or match.group(3)
        if names.get(attribute, attribute) == name:
            found.append(_value(values.get(placeholder)))
    return found[0] if len(found) == 1 else UNKNOWN


def _value(attribute: Any) -> str:
    if isinstance(attribute, dict) and len(attribute) == 1:
        ((kind, value),) = attribute.items()
        if kind in ("S", "N", "B") and isinstance(value, str):
            return value
    return UNKNOWN


def _key_name_in_ministack(table: str, index: str | None) -> str | None:
    from ministack.services import dynamodb

    record = dynamodb._tables.get(table.rsplit("/", 1)[-1])
    if record is None:
        return None
    schema = record.get("KeySchema")
    if index:
        indexes = [*(record.get("GlobalSecondaryIndexes") or []), *(record.get("LocalSecondaryIndexes") or [])]
        schema = next((entry["KeySchema"] for entry in indexes if entry["IndexName"] == index), None)
    return next((part["AttributeName"] for part in schema or [] if part["KeyType"] == "HASH"), None)


def install() -> None:
    """Remember each request's IAM action, and add the leading keys to the context of DynamoDB's item calls."""
    from ministack.core import iam_actions

    extract_action = iam_actions.extract_iam_action
    service_context = iam_actions.dynamodb_service_context

    def extract_and_remember(*args: Any, **kwargs: Any) -> Any:
        action = extract_action(*args, **kwargs)
        _action.set(action or "")
        return action

    def context_with_keys(body: bytes) -> dict[str, Any]:
        context: dict[str, Any] = service_context(body)
        if _action.get() in ITEM_ACTIONS:
            try:
                context["dynamodb:LeadingKeys"] = leading_keys(json.loads(body), _key_name_in_ministack)
            except (ValueError, TypeError, AttributeError, KeyError):
                context["dynamodb:LeadingKeys"] = [UNKNOWN]
        return context

    iam_actions.extract_iam_action = extract_and_remember
    iam_actions.dynamodb_service_context = context_with_keys
