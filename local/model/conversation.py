"""What the stand-in knows of a conversation: the person's own words, without what the caller wrapped them in."""

import re
from dataclasses import dataclass, field
from typing import Any

from local.model.blocks import content_blocks
from local.model.mcp import offered_mcp

_TAGGED = re.compile(
    r"\s*<(?P<tag>message|user_message|user|text)\b[^>]*>(?P<inside>.*)</(?P=tag)>\s*", re.DOTALL | re.I
)
_HEADER = re.compile(
    r"\s*(?:\[[^\]\n]*\d{4}-\d\d-\d\d[^\]\n]*\]|\[[^\]\n]*\d\d?:\d\d[^\]\n]*\])"  # [2026-11-22 08:00 UTC]
    r"(?P<note>[ \t]*\[[^\]\n]*\])*"  # further notes in brackets
    r"(?:[ \t]*[^\n:]{1,64}:(?=\s))?\s*"  # Ann:
)


@dataclass(frozen=True, slots=True)
class Conversation:
    """A checked request, read for answering.

    Attributes
    ----------
    instructions
        The last paragraph of the system prompt: callers put their own rules first and the customer's last.
    said
        The person's texts, oldest first, the newest last.
    given
        Other texts of the newest user message, such as passages from a memory.
    results
        Texts of tool results, when the newest message brings any, by the tool's name.
    """

    instructions: str
    said: list[str]
    given: list[str] = field(default_factory=list)
    results: list[tuple[str, str]] = field(default_factory=list)
    tools: frozenset[str] = frozenset()
    mcp_tools: frozenset[tuple[str, str]] = frozenset()

    @property
    def newest(self) -> str:
        """What the person said last, or ""."""
        return self.said[-1] if self.said else ""


def read_conversation(request: dict[str, Any]) -> Conversation:
    """From a checked request."""
    said: list[str] = []
    given: list[str] = []
    for message in request["messages"]:
        if message["role"] != "user":
            continue
        texts = [block["text"] for block in message["content"] if block["type"] == "text"]
        own, given = _own_words(texts)
        said += own
    return Conversation(
        instructions=_instructions(request.get("system")),
        said=said,
        given=given,
        results=_results(request["messages"]),
        tools=_offered(request),
        mcp_tools=offered_mcp(request),
    )


def unwrapped(text: str) -> tuple[str, bool]:
    """The words inside a ``<message …>`` tag or behind a ``[date] Name:`` line, and whether there was one."""
    tagged = _TAGGED.fullmatch(text)
    if tagged:
        return tagged["inside"].strip(), True
    header = _HEADER.match(text)
    if header:
        return text[header.end() :].strip(), True
    return text.strip(), False


def _own_words(texts: list[str]) -> tuple[list[str], list[str]]:
    read = [unwrapped(text) for text in texts]
    if any(wrapped for _, wrapped in read):
        own = [text for text, wrapped in read if wrapped]
        return own, [text for text, wrapped in read if not wrapped]
    return [text for text, _ in read[:1]], [text for text, _ in read[1:]]


def _instructions(system: Any) -> str:
    texts = [block["text"] for block in content_blocks(system)]
    paragraphs = [part.strip() for text in texts for part in re.split(r"\n\s*\n", text) if part.strip()]
    return paragraphs[-1] if paragraphs else ""


def _results(messages: list[dict[str, Any]]) -> list[tuple[str, str]]:
    names = {
        block["id"]: block["name"]
        for message in messages
        for block in message["content"]
        if block["type"] == "tool_use"
    }
    newest = messages[-1]["content"]
    return [
        (names[block["tool_use_id"]], _result_text(block.get("content")))
        for block in newest
        if block["type"] == "tool_result"
    ]


def _result_text(content: Any) -> str:
    return "\n".join(str(block.get("text", f"[{block.get('type')}]")) for block in content_blocks(content))


def _offered(request: dict[str, Any]) -> frozenset[str]:
    if (request.get("tool_choice") or {}).get("type") == "none":
        return frozenset()
    return frozenset(tool["name"] for tool in request.get("tools") or [] if "name" in tool)
