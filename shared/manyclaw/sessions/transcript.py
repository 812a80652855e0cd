"""The transcript of one conversation: what was said to the model and by it, exactly as it was sent.

Rows lie in ``{tenant}#CHAT#{conversation}`` as ``MSG#{seq}``; ``MSG#HEAD`` (which sorts after every number, so that one
descending query gives it first) says where the transcript ends and where the part that is still shown to the model
begins. Rows are only ever appended, so the prompt's prefix stays byte-identical from turn to turn and is read from
Anthropic's cache.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from manyclaw.aws import from_item, to_item
from manyclaw.tenancy import TenantScope

_PAGE = 250


@dataclass(frozen=True)
class Message:
    """One message of the Messages API: ``role`` is user or assistant, ``content`` its content blocks.

    ``turn`` names the turn that it belongs to; a turn's first message is always the end user's.
    """

    role: str
    content: list[dict[str, Any]]
    turn: str


@dataclass(frozen=True)
class Transcript:
    """The part of a conversation that the model is shown.

    Attributes
    ----------
    next_seq
        The number of the next message; 0 for a new conversation.
    first_seq
        Older messages are kept, but no longer shown.
    context_tokens
        How many tokens the last turn's whole context had, its answer included.
    """

    conversation: str
    next_seq: int = 0
    first_seq: int = 0
    context_tokens: int = 0
    messages: tuple[Message, ...] = field(default=())

    @property
    def characters(self) -> int:
        """How long the content is, as it is stored."""
        return sum(len(_dump(message.content)) for message in self.messages)

    def without_oldest(self, keep_characters: int) -> Transcript:
        """Without the oldest turns, so that the content left has at most ``keep_characters`` characters.

        Whole turns go, never a part of one, so a tool call is never parted from its result. Trimming happens rarely
        and deep rather than a little at each turn, since each trim costs the whole prompt's cache.
        """
        kept = len(self.messages)
        size = 0
        for index in range(len(self.messages) - 1, -1, -1):
            size += len(_dump(self.messages[index].content))
            if size > keep_characters:
                break
            if index == 0 or self.messages[index].turn != self.messages[index - 1].turn:
                kept = index
        return Transcript(
            self.conversation, self.next_seq, self.first_seq + kept, self.context_tokens, self.messages[kept:]
        )


def load_transcript(scope: TenantScope, conversation: str) -> Transcript:
    """The conversation's transcript; an empty one if nothing was ever said. One request up to 250 messages."""
    part = scope.part(f"CHAT#{conversation}", "")
    arguments: dict[str, Any] = {
        "TableName": scope.table,
        "KeyConditionExpression": "pk = :pk AND begins_with(sk, :msg)",
        "ExpressionAttributeValues": to_item({":pk": part.pk, ":msg": "MSG#"}),
        "ScanIndexForward": False,
        "ConsistentRead": True,
        "Limit": _PAGE,
    }
    head: dict[str, Any] | None = None
    rows: list[Message] = []
    while True:
        answer = scope.clients.dynamodb.query(**arguments)
        for item in map(from_item, answer["Items"]):
            if item["sk"] == "MSG#HEAD":
                head = item
                continue
            if head is None or int(item["seq"]) < int(head["first_seq"]):
                return _transcript(conversation, head, rows)
            rows.append(Message(item["role"], json.loads(item["content"]), item["turn"]))
        last = answer.get("LastEvaluatedKey")
        if not last:
            return _transcript(conversation, head, rows)
        arguments["ExclusiveStartKey"] = last


def _transcript(conversation: str, head: dict[str, Any] | None, rows: list[Message]) -> Transcript:
    if head is None:
        return Transcript(conversation)
    return Transcript(
        conversation,
        next_seq=int(head["next_seq"]),
        first_seq=int(head["first_seq"]),
        context_tokens=int(head["context_tokens"]),
        messages=tuple(reversed(rows)),
    )


def append(
    scope: TenantScope, transcript: Transcript, said: list[Message], context_tokens: int, now: datetime
) -> list[dict[str, Any]]:
    """The transaction items that append ``said`` to the transcript as it was loaded (and maybe trimmed).

    Refused as a whole if somebody else has appended since.
    """
    conversation = transcript.conversation
    at = now.isoformat(timespec="milliseconds")
    items: list[dict[str, Any]] = [
        {
            "Put": {
                "TableName": scope.table,
                "Item": to_item(
                    {
                        "pk": scope.part(f"CHAT#{conversation}", "").pk,
                        "sk": f"MSG#{transcript.next_seq + offset:010d}",
                        "seq": transcript.next_seq + offset,
                        "role": message.role,
                        "content": _dump(message.content),
                        "turn": message.turn,
                        "at": at,
                    }
                ),
            }
        }
        for offset, message in enumerate(said)
    ]
    values = {
        ":old": transcript.next_seq,
        ":next": transcript.next_seq + len(said),
        ":first": transcript.first_seq,
        ":context": context_tokens,
        ":at": at,
    }
    known = "next_seq = :old" if transcript.next_seq else "(attribute_not_exists(pk) OR next_seq = :old)"
    head = {
        "TableName": scope.table,
        "Key": scope.part(f"CHAT#{conversation}", "MSG#HEAD").wire(),
        "UpdateExpression": "SET next_seq = :next, first_seq = :first, context_tokens = :context, updated_at = :at",
        "ConditionExpression": known,
        "ExpressionAttributeValues": to_item(values),
    }
    return [{"Update": head}, *items]


def index_row(scope: TenantScope, conversation: str, chat_type: str, now: datetime) -> dict[str, Any]:
    """The transaction item that lists a conversation among the tenant's, so that it can be found without a scan."""
    return {
        "Put": {
            "TableName": scope.table,
            "Item": to_item(
                {
                    "pk": scope.key("").pk,
                    "sk": f"CHAT#{conversation}",
                    "conversation": conversation,
                    "chat_type": chat_type,
                    "began_at": now.isoformat(timespec="milliseconds"),
                }
            ),
        }
    }


def _dump(content: list[dict[str, Any]]) -> str:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))
