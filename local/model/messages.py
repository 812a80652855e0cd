"""From a checked request to the answer's content blocks and its true usage."""

import secrets
import string
from dataclasses import dataclass
from typing import Any

from local.model.answers import reply_to
from local.model.blocks import block_tokens, request_blocks
from local.model.cache import CacheUse, PromptCache
from local.model.conversation import read_conversation
from local.model.errors import invalid

_LETTERS = string.ascii_letters + string.digits
BYTES_A_TOKEN = 4


def new_id(prefix: str) -> str:
    """An id as Anthropic's look: "msg_01…", "req_01…", "toolu_01…"."""
    return f"{prefix}_01" + "".join(secrets.choice(_LETTERS) for _ in range(22))


@dataclass(frozen=True, slots=True)
class Message:
    """A whole answer."""

    id: str
    model: str
    content: list[dict[str, Any]]
    stop_reason: str
    stop_sequence: str | None
    usage: dict[str, Any]

    def body(self) -> dict[str, Any]:
        """The response of a request that does not stream."""
        return {
            "id": self.id,
            "type": "message",
            "role": "assistant",
            "model": self.model,
            "content": self.content,
            "stop_reason": self.stop_reason,
            "stop_sequence": self.stop_sequence,
            "usage": self.usage,
        }


def check_context(request: dict[str, Any], window: int) -> int:
    """The prompt's tokens. Raises `ModelApiError` 400 when they exceed the context window."""
    tokens = sum(block.tokens for block in request_blocks(request))
    if tokens > window:
        raise invalid(f"prompt is too long: {tokens} tokens > {window} maximum")
    return tokens


def answer(request: dict[str, Any], key: str, cache: PromptCache) -> Message:
    """Answer a checked request and account for it."""
    prompt = cache.use(key, request["model"], request_blocks(request))
    reply = reply_to(read_conversation(request))
    content = [block for call in reply.mcp for block in call.blocks(new_id("mcptoolu"))]
    served = len(content)
    if reply.text:
        content.append({"type": "text", "text": reply.text})
    content += [
        {"type": "tool_use", "id": new_id("toolu"), "name": call.name, "input": call.input} for call in reply.calls
    ]
    stop, sequence = ("tool_use" if reply.calls else "end_turn"), None
    content, stop, sequence = _stopped(content, stop, request.get("stop_sequences") or [])
    content, stop = _cut(content, stop, request["max_tokens"])
    tokens = max(min(1, request["max_tokens"]), sum(block_tokens(block) for block in content))
    usage = _usage(prompt, tokens)
    if reply.mcp:
        usage = in_two_rounds(prompt, content[:served], content[served:])
    return Message(new_id("msg"), request["model"], content, stop, sequence, usage)


def _usage(prompt: CacheUse, output_tokens: int) -> dict[str, Any]:
    return {**prompt.as_usage(), "output_tokens": output_tokens, "service_tier": "standard"}


def in_two_rounds(prompt: CacheUse, first: list[dict[str, Any]], last: list[dict[str, Any]]) -> dict[str, Any]:
    """The usage of a call that ran a server's tools within itself: the prompt is read a second time, with their
    results behind it. The sums, and each round under ``iterations``."""
    uses = sum(block_tokens(block) for block in first if block["type"] == "mcp_tool_use")
    results = sum(block_tokens(block) for block in first) - uses
    cached = prompt.read + prompt.written_5m + prompt.written_1h
    again = CacheUse(prompt.uncached + uses + results, cached, 0, 0)
    rounds = [
        {"type": "message", **each.as_usage(), "output_tokens": tokens}
        for each, tokens in ((prompt, uses), (again, max(1, sum(block_tokens(block) for block in last))))
    ]
    total = CacheUse(prompt.uncached + again.uncached, prompt.read + again.read, prompt.written_5m, prompt.written_1h)
    return {**_usage(total, sum(each["output_tokens"] for each in rounds)), "iterations": rounds}


def _stopped(
    content: list[dict[str, Any]], stop: str, sequences: list[str]
) -> tuple[list[dict[str, Any]], str, str | None]:
    for block in content:
        for sequence in sequences:
            if block["type"] == "text" and sequence in block["text"]:
                return [{**block, "text": block["text"].partition(sequence)[0]}], "stop_sequence", sequence
    return content, stop, None


def _cut(content: list[dict[str, Any]], stop: str, max_tokens: int) -> tuple[list[dict[str, Any]], str]:
    left = max_tokens
    kept: list[dict[str, Any]] = []
    for block in content:
        tokens = block_tokens(block)
        if tokens <= left:
            kept.append(block)
            left -= tokens
            continue
        if block["type"] == "text" and left > 0:
            text = block["text"].encode()[: left * BYTES_A_TOKEN].decode("utf-8", "ignore")
            kept.append({**block, "text": text})
        return kept, "max_tokens"
    return kept, stop
