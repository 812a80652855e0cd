"""What the model is sent, laid out for the prompt cache.

Stable first: tools, then system, then the history as it was sent before. Everything that changes from turn to turn
stands in the newest user message, behind that message's cache breakpoint, and is not kept in the transcript. So the
bytes before the breakpoint are the same in the next turn, and Anthropic reads them from its cache.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from manyclaw.agent.tools import Tool, every_tool
from manyclaw.mcp import Toolset, without_servers
from manyclaw.sessions import Message, Transcript
from manyclaw.telegram import IncomingMessage
from manyclaw.tenancy import GatewayConfig, Overlay

_MANNERS = (
    "You are the Telegram bot @{username}. Answer in plain text without Markdown, as briefly as the question allows. "
    "Each message of a user begins with its date, time and sender in brackets, added by Telegram; do not write such a "
    "line yourself."
)

CHARACTERS_PER_TOKEN = 3
"""A cautious estimate, for deciding when to trim only; nothing is billed by it."""

_FILL = 0.85
"""How much of the context window may be in use before the oldest turns go, and …"""

_AFTER_TRIM = 0.4
"""… how much is left after that."""


_TOOL_PROMPT_TOKENS = 800
"""What the API adds to a prompt with tools at most (it documents 300 to 700 tokens, by model)."""

_TOOLSET_TOKENS = 10_000
"""What the tools of one MCP server may add to a prompt: Anthropic asks the server for them, so we never see them."""

_MCP_ROUNDS = 2
"""How often a call with MCP servers is reckoned to read its prompt: it runs their tools within itself. A call may use
more than was reserved for it; what it used is settled all the same."""

_OTHER_TOKENIZER = 1.4
"""How many more tokens the same text can have when the tenant has changed to a model with another tokenizer."""


@dataclass(frozen=True)
class Frame:
    """What stays the same for all turns of a tenant's bot until its configuration changes."""

    model: str
    max_tokens: int
    context_window: int
    system: str
    tools: dict[str, Tool]
    cache_ttl: str
    servers: tuple[Toolset, ...] = ()


def frame(
    gateway: GatewayConfig,
    overlay: Overlay,
    tools: dict[str, Tool],
    username: str,
    skills: str = "",
    servers: tuple[Toolset, ...] = (),
) -> Frame:
    """The stable part of every prompt of one tenant's bot."""
    model = overlay.model_for(gateway)
    info = gateway.models.get(model)
    said = (_MANNERS.format(username=username), gateway.instructions.strip(), skills, overlay.system_prompt.strip())
    return Frame(
        model=model,
        max_tokens=overlay.max_tokens_for(gateway),
        context_window=info.context_window if info else 200_000,
        system="\n\n".join(part for part in said if part),
        tools=tools,
        cache_ttl=overlay.cache_ttl,
        servers=servers,
    )


def user_content(message: IncomingMessage, time_zone: str) -> list[dict[str, Any]]:
    """The end user's message as it is sent and kept: its date and sender in brackets, then the text."""
    sent = datetime.fromtimestamp(message.sent_at, UTC).astimezone(ZoneInfo(time_zone))
    name = "".join(character for character in message.sender_name if character not in "[]\n") or "someone"
    attached = f" [with a {message.attachment}, which you cannot see]" if message.attachment else ""
    return [{"type": "text", "text": f"[{sent:%a %Y-%m-%d %H:%M %Z}, {name}]{attached}\n{message.text}"}]


def fit(transcript: Transcript, frame_: Frame, newest: Message) -> Transcript:
    """The transcript, trimmed if the next prompt might not fit into the model's context window."""
    newest_tokens = len(str(newest.content)) // CHARACTERS_PER_TOKEN
    room = frame_.context_window - frame_.max_tokens
    if transcript.context_tokens + newest_tokens <= room * _FILL:
        return transcript
    share = room * _AFTER_TRIM / max(transcript.context_tokens, room)
    return transcript.without_oldest(int(share * transcript.characters))


def request(frame_: Frame, history: tuple[Message, ...], turn: list[Message], volatile: str = "") -> dict[str, Any]:
    """The body of POST /v1/messages.

    Parameters
    ----------
    history
        Earlier turns, as they were sent.
    turn
        This turn's messages so far: the user's, then answers with tool calls and their results.
    volatile
        What belongs to this turn only, such as passages from memory; it follows the user's message.
    """
    mark = {"type": "ephemeral", "ttl": "1h"} if frame_.cache_ttl == "1h" else {"type": "ephemeral"}
    messages: list[dict[str, Any]] = [{"role": each.role, "content": list(each.content)} for each in (*history, *turn)]
    messages = without_servers(messages, frozenset(each.server for each in frame_.servers))
    _mark_last(messages[len(history)], mark)
    if volatile:
        messages[len(history)]["content"].append({"type": "text", "text": volatile})
    if history:
        _mark_last(messages[len(history) - 1], mark)
    if len(turn) > 1:
        _mark_last(messages[-1], mark)
    body: dict[str, Any] = {
        "model": frame_.model,
        "max_tokens": frame_.max_tokens,
        "system": [{"type": "text", "text": frame_.system, "cache_control": mark}],
        "messages": messages,
    }
    if frame_.tools or frame_.servers:
        own = [tool.definition() for tool in frame_.tools.values()]
        body["tools"] = [*own, *(server.definition() for server in frame_.servers)]
    elif _holds_tools(messages):
        body["tools"] = [tool.definition() for tool in every_tool()]
        body["tool_choice"] = {"type": "none"}
    return body


def longest_prompt(body: dict[str, Any], turn: list[Message], context_tokens: int, servers: int = 0) -> int:
    """An upper bound of the tokens of a prompt, for reserving its cost.

    A token is at least one byte of UTF-8, so the request's bytes are one bound. Where the conversation's last call told
    how many tokens its context had, that number for the history and bytes for all else are mostly a much lower one.

    Parameters
    ----------
    turn
        This turn's messages, which ``context_tokens`` does not count yet.
    context_tokens
        The context of the conversation's last turn, its answer included; 0 if there was none.
    servers
        How many MCP servers the request names. With any, the number is a good guess and no bound any more.
    """
    added = _TOOL_PROMPT_TOKENS if body.get("tools") else 0
    whole = _bytes(body)
    if context_tokens:
        news = [{"role": each.role, "content": each.content} for each in turn]
        known = int(context_tokens * _OTHER_TOKENIZER) + _bytes([body["system"], body.get("tools", []), news])
        whole = min(whole, known)
    if servers:
        return _MCP_ROUNDS * (whole + added + servers * _TOOLSET_TOKENS)
    return whole + added


def _bytes(value: Any) -> int:
    return len(json.dumps(value, ensure_ascii=False).encode())


def _holds_tools(messages: list[dict[str, Any]]) -> bool:
    """Whether a tool was ever called: the API then wants tools defined, also when none may be called any more."""
    return any(block["type"] in ("tool_use", "tool_result") for message in messages for block in message["content"])


_MARKABLE = ("text", "tool_use", "tool_result", "mcp_tool_use", "mcp_tool_result", "image", "document")


def _mark_last(message: dict[str, Any], mark: dict[str, str]) -> None:
    content = message["content"]
    if content[-1]["type"] in _MARKABLE:
        content[-1] = {**content[-1], "cache_control": mark}
