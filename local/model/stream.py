"""An answer as server-sent events, in Anthropic's order."""

import json
from collections.abc import Iterator
from typing import Any

from local.model.messages import Message

PIECES = 24
"""A block is streamed in at most this many deltas."""
_SMALLEST_PIECE = 12


def events(message: Message) -> Iterator[bytes]:
    """message_start, ping, each block's start, deltas and stop, message_delta, message_stop; each ready to send."""
    started = {**message.usage, "output_tokens": 1}
    empty = {**message.body(), "content": [], "stop_reason": None, "stop_sequence": None, "usage": started}
    yield _event("message_start", message=empty)
    yield _event("ping")
    for index, block in enumerate(message.content):
        yield from _block_events(index, block)
    delta = {"stop_reason": message.stop_reason, "stop_sequence": message.stop_sequence}
    total = {
        key: message.usage[key]
        for key in (
            "input_tokens",
            "cache_creation_input_tokens",
            "cache_read_input_tokens",
            "output_tokens",
            "iterations",
        )
        if key in message.usage
    }
    yield _event("message_delta", delta=delta, usage=total)
    yield _event("message_stop")


def error_event(kind: str) -> bytes:
    """How a stream ends that the API cannot go on with, e.g. overloaded_error."""
    return _event("error", error={"type": kind, "message": kind.removesuffix("_error").capitalize()})


def _block_events(index: int, block: dict[str, Any]) -> Iterator[bytes]:
    if block["type"] == "text":
        yield _event("content_block_start", index=index, content_block={"type": "text", "text": ""})
        for piece in _pieces(block["text"]):
            yield _event("content_block_delta", index=index, delta={"type": "text_delta", "text": piece})
    elif "input" not in block:
        yield _event("content_block_start", index=index, content_block=block)
    else:
        yield _event("content_block_start", index=index, content_block={**block, "input": {}})
        for piece in ("", *_pieces(json.dumps(block["input"], ensure_ascii=False))):
            delta = {"type": "input_json_delta", "partial_json": piece}
            yield _event("content_block_delta", index=index, delta=delta)
    yield _event("content_block_stop", index=index)


def _pieces(text: str) -> list[str]:
    size = max(_SMALLEST_PIECE, -(-len(text) // PIECES))
    return [text[start : start + size] for start in range(0, len(text), size)]


def _event(kind: str, **fields: Any) -> bytes:
    data = json.dumps({"type": kind, **fields}, ensure_ascii=False, separators=(",", ":"))
    return f"event: {kind}\ndata: {data}\n\n".encode()
