"""How much of an answer or of a tool's result is kept: a message has to fit into one item of the table.

What is cut is cut before it is journalled, so every later prompt holds the same bytes. Sizes are those of the JSON that
is stored, in UTF-8.
"""

from __future__ import annotations

import json
from typing import Any

MESSAGE_BYTES = 300_000
"""What one message may hold; an item of DynamoDB takes 409,600 bytes with its other attributes."""

_RESULT = "mcp_tool_result"


def size_of(value: Any) -> int:
    """The bytes that ``value`` takes as stored JSON."""
    return len(json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass"))


def cut_text(text: str, most_bytes: int, most_characters: int | None = None) -> str:
    """``text``, or its beginning with a note of how long it was, so that both limits are kept.

    Where ``most_bytes`` leaves no room for more, the note stands alone.
    """
    most = len(text) if most_characters is None else min(len(text), most_characters)
    if most == len(text) and size_of(text) <= most_bytes:
        return text
    note = f"\n[cut: {len(text)} characters]"
    fits, room = 0, most_bytes - size_of(note)
    while fits < most:
        middle = (fits + most + 1) // 2
        fits, most = (middle, most) if size_of(text[:middle]) <= room else (fits, middle - 1)
    return (text[:fits] + note).lstrip("\n")


def bounded(content: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """An answer's blocks within :data:`MESSAGE_BYTES`: MCP servers' longest results are cut first, then its own words.

    No block is left out, so a call keeps its result. What cannot be cut, such as a call's arguments, stays: then the
    message may still be too large.
    """
    for kind in (_RESULT, "text"):
        if size_of(content) <= MESSAGE_BYTES:
            break
        content = _levelled(content, kind)
    return content


def _levelled(content: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    """The blocks of ``kind`` cut to one level at which all of them fit; shorter ones stay whole."""
    sizes = sorted(size_of(block) for block in content if block["type"] == kind)
    room = MESSAGE_BYTES - sum(size_of(block) for block in content if block["type"] != kind) - 2 * len(content) - 2
    level = 0
    for place, size in enumerate(sizes):
        level = max(0, room) // (len(sizes) - place)
        if size > level:
            break
        room -= size
    return [_cut(block, level) if block["type"] == kind and size_of(block) > level else block for block in content]


def _cut(block: dict[str, Any], most_bytes: int) -> dict[str, Any]:
    if block["type"] == "text":
        return {**block, "text": cut_text(block["text"], most_bytes - size_of({**block, "text": ""}))}
    told = block.get("content") or ""
    room = most_bytes - size_of({**block, "content": [{"type": "text", "text": ""}]})
    if isinstance(told, list):
        told = "\n".join(str(each.get("text", "")) for each in told)
    return {**block, "content": [{"type": "text", "text": cut_text(told, room)}]}
