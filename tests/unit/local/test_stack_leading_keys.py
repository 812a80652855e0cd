"""The wall between tenants holds on the laptop only if every item call's partition keys are seen."""

from __future__ import annotations

from typing import Any

import pytest

from local.aws.leading_keys import UNKNOWN, leading_keys

PK = {"S": "acme"}
VALUES = {":p": {"S": "acme"}, ":s": {"S": "x"}}


def key_name(table: str, index: str | None) -> str | None:
    if not table.endswith("data"):
        return None
    return "gpk" if index == "by-bot" else "pk"


@pytest.mark.parametrize(
    "part",
    [
        {"Key": {"pk": PK, "sk": {"S": "META"}}},
        {"Item": {"sk": {"S": "META"}, "pk": PK, "n": {"N": "1"}}},
        {"KeyConditionExpression": "pk = :p", "ExpressionAttributeValues": VALUES},
        {"KeyConditionExpression": "pk=:p AND begins_with(sk, :s)", "ExpressionAttributeValues": VALUES},
        {"KeyConditionExpression": "(:p = pk) and sk >= :s", "ExpressionAttributeValues": VALUES},
        {"KeyConditionExpression": "sk = :s AND pk = :p", "ExpressionAttributeValues": VALUES},
        {
            "KeyConditionExpression": "#k = :p and #s between :s and :s",
            "ExpressionAttributeNames": {"#k": "pk", "#s": "sk"},
            "ExpressionAttributeValues": VALUES,
        },
        {"KeyConditions": {"pk": {"ComparisonOperator": "EQ", "AttributeValueList": [PK]}}},
    ],
)
def test_single_item_calls(part: dict[str, Any]) -> None:
    assert leading_keys({"TableName": "data", **part}, key_name) == ["acme"]


def test_a_table_named_by_its_arn() -> None:
    arn = "arn:aws:dynamodb:us-east-1:000000000000:table/data"
    assert leading_keys({"TableName": arn, "Key": {"pk": PK}}, key_name) == ["acme"]


def test_a_query_of_an_index_is_judged_by_the_indexs_key() -> None:
    query = {
        "TableName": "data",
        "IndexName": "by-bot",
        "KeyConditionExpression": "gpk = :p",
        "ExpressionAttributeValues": VALUES,
    }
    assert leading_keys(query, key_name) == ["acme"]


def test_transactions_name_every_items_key() -> None:
    def item(tenant: str) -> dict[str, Any]:
        return {"pk": {"S": tenant}, "sk": {"S": "x"}}

    request = {
        "TransactItems": [
            {"Put": {"TableName": "data", "Item": item("a")}},
            {"Update": {"TableName": "data", "Key": item("b")}},
            {"Delete": {"TableName": "data", "Key": item("c")}},
            {"ConditionCheck": {"TableName": "data", "Key": item("d")}},
            {"Get": {"TableName": "data", "Key": item("e")}},
        ]
    }
    assert leading_keys(request, key_name) == ["a", "b", "c", "d", "e"]


def test_batches_name_every_items_key() -> None:
    get = {"RequestItems": {"data": {"Keys": [{"pk": PK, "sk": {"S": "1"}}, {"pk": {"S": "other"}}]}}}
    write = {"RequestItems": {"data": [{"PutRequest": {"Item": {"pk": PK}}}, {"DeleteRequest": {"Key": {"pk": PK}}}]}}
    assert leading_keys(get, key_name) == ["acme", "other"]
    assert leading_keys(write, key_name) == ["acme", "acme"]


@pytest.mark.parametrize(
    "request_body",
    [
        {"TableName": "unknown", "Key": {"pk": PK}},
        {"TableName": "data", "Key": {"other": PK}},
        {"TableName": "data", "Key": {"pk": {"S": 5}}},
        {"TableName": "data"},
        {"TableName": "data", "KeyConditionExpression": "sk = :s", "ExpressionAttributeValues": VALUES},
        {"TableName": "data", "KeyConditionExpression": "pk = :p AND pk = :s", "ExpressionAttributeValues": VALUES},
        {"TransactItems": []},
        {},
    ],
)
def test_what_is_not_understood_matches_no_tenant(request_body: dict[str, Any]) -> None:
    assert UNKNOWN in leading_keys(request_body, key_name)
