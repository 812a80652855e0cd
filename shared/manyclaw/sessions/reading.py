"""Whole transcripts, for what looks back: not only the part that the model is shown."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from manyclaw.aws import from_item, pages, to_item
from manyclaw.tenancy import TenantScope, row_keys


@dataclass(frozen=True)
class Said:
    """One message of a transcript, and when (UTC) it was written down."""

    role: str
    content: list[dict[str, Any]]
    turn: str
    at: datetime


def conversations_of(scope: TenantScope, chat: str) -> list[str]:
    """The chat's conversations: its own, and those of its topics."""
    rows = row_keys(scope, scope.key("").pk, f"CHAT#{chat}")
    found = [row["sk"]["S"].removeprefix("CHAT#") for row in rows]
    return [conversation for conversation in found if conversation.partition(":")[0] == chat]


def list_conversations(scope: TenantScope) -> list[tuple[str, str]]:
    """All of the tenant's conversations, each with the type of its chat (private, group, supergroup)."""
    rows = pages(
        scope.clients.dynamodb.query,
        "Items",
        TableName=scope.table,
        KeyConditionExpression="pk = :pk AND begins_with(sk, :chat)",
        ExpressionAttributeValues=to_item({":pk": scope.key("").pk, ":chat": "CHAT#"}),
    )
    return [(item["conversation"], item["chat_type"]) for item in map(from_item, rows)]


def read_all(scope: TenantScope, conversation: str) -> Iterator[Said]:
    """Every message of the conversation, oldest first, those included that the model is no longer shown."""
    arguments: dict[str, Any] = {
        "TableName": scope.table,
        "KeyConditionExpression": "pk = :pk AND begins_with(sk, :msg)",
        "ExpressionAttributeValues": to_item({":pk": scope.part(f"CHAT#{conversation}", "").pk, ":msg": "MSG#"}),
    }
    while True:
        answer = scope.clients.dynamodb.query(**arguments)
        for item in map(from_item, answer["Items"]):
            if item["sk"] != "MSG#HEAD":
                at = datetime.fromisoformat(item["at"])
                yield Said(item["role"], json.loads(item["content"]), item["turn"], at)
        last = answer.get("LastEvaluatedKey")
        if not last:
            return
        arguments["ExclusiveStartKey"] = last
