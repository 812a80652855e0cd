"""A turn's journalled steps as the messages that the model is sent, and what of them is kept."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from manyclaw.agent.journal import TurnRecord
from manyclaw.sessions import Message


def paused(record: TurnRecord) -> list[dict[str, Any]]:
    """The blocks of the answer's beginning, where the model was paused in the middle of it."""
    blocks: list[dict[str, Any]] = []
    for step in reversed(record.steps):
        if step.role != "assistant" or any(block["type"] == "tool_use" for block in step.content):
            break
        blocks = [*step.content, *blocks]
    return blocks


def messages_of(record: TurnRecord | None, turn: str) -> list[Message]:
    """The journal's steps as messages: all results of one answer's tool calls are one user message."""
    messages: list[Message] = []
    for step in record.steps if record else ():
        if step.role == "assistant":
            messages.append(Message("assistant", step.content, turn))
        elif messages and messages[-1].role == "user":
            messages[-1] = replace(messages[-1], content=[*messages[-1].content, *step.content])
        else:
            messages.append(Message("user", step.content, turn))
    return messages


def without_orphans(messages: list[Message]) -> list[Message]:
    """A turn's messages without calls of MCP tools that have no result, as an answer that was cut short has.

    A call and its result may stand in two messages, where the model was paused between them.
    """
    blocks = [block for message in messages for block in message.content]
    called = {block["id"] for block in blocks if block["type"] == "mcp_tool_use"}
    answered = {block["tool_use_id"] for block in blocks if block["type"] == "mcp_tool_result"}

    def whole(block: dict[str, Any]) -> bool:
        if block["type"] == "mcp_tool_use":
            return block["id"] in answered
        return block["type"] != "mcp_tool_result" or block["tool_use_id"] in called

    kept = [replace(message, content=[block for block in message.content if whole(block)]) for message in messages]
    return [message for message in kept if message.content]
