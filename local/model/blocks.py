"""A request as a row of blocks, in the order in which it is cached: tools, system, messages."""

import json
import math
from dataclasses import dataclass
from typing import Any

IMAGE_TOKENS = 1_600
"""What an image counts; Anthropic's own figure goes by its size."""


@dataclass(frozen=True, slots=True)
class Block:
    """``canonical`` is what the cache compares; ``ttl`` is "5m" or "1h" at a breakpoint, else None."""

    canonical: str
    tokens: int
    ttl: str | None


def content_blocks(content: Any) -> list[dict[str, Any]]:
    """A message's content as blocks; a plain text is one block."""
    return [{"type": "text", "text": content}] if isinstance(content, str) else list(content or [])


def block_tokens(value: dict[str, Any]) -> int:
    """A deterministic count: a quarter of the UTF-8 bytes, rounded up."""
    kind = value.get("type")
    if kind == "text":
        return count_tokens(value["text"])
    if kind == "image":
        return IMAGE_TOKENS
    if kind == "thinking":
        return count_tokens(str(value.get("thinking", "")))
    return count_tokens(_canonical(value))


def count_tokens(text: str) -> int:
    """Tokens of a text."""
    return math.ceil(len(text.encode("utf-8", "replace")) / 4)


def request_blocks(request: dict[str, Any]) -> list[Block]:
    """All blocks of a valid request, in caching order."""
    found = [_block("tool", tool) for tool in request.get("tools") or []]
    found += [_block("system", block) for block in content_blocks(request.get("system"))]
    for message in request["messages"]:
        found += [_block(message["role"], block) for block in content_blocks(message["content"])]
    return found


def _block(place: str, value: dict[str, Any]) -> Block:
    control = value.get("cache_control")
    ttl = str(control.get("ttl") or "5m") if isinstance(control, dict) else None
    bare = {key: item for key, item in value.items() if key != "cache_control"}
    return Block(f"{place}:{_canonical(bare)}", block_tokens(bare), ttl)


def _canonical(value: dict[str, Any]) -> str:
    bare = {key: item for key, item in value.items() if key != "cache_control"}
    return json.dumps(bare, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
