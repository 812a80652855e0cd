"""The tools that the product itself offers to the model. What a tenant adds comes as skills."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

from manyclaw.agent.bounds import MESSAGE_BYTES, cut_text, size_of
from manyclaw.agent.memory_tools import memory_save, memory_search
from manyclaw.agent.reminder_tools import REMINDER_TOOLS
from manyclaw.agent.tool import Tool as Tool
from manyclaw.agent.tool import ToolContext as ToolContext
from manyclaw.errors import BadInput
from manyclaw.skills import READ_SKILL, ToolFailed

MAX_RESULT_CHARACTERS = 20_000


def _current_time(context: ToolContext, arguments: dict[str, Any]) -> str:
    zone = arguments.get("zone")
    try:
        there = context.now.astimezone(ZoneInfo(str(zone)))
    except (KeyError, ValueError, OSError):
        raise BadInput(f"{zone!r} is not an IANA time zone, such as Europe/Berlin.") from None
    return there.strftime("%A, %Y-%m-%d %H:%M (UTC%z)")


_BUILT_IN = (
    Tool(
        name="current_time",
        description="The current date and time in a time zone.",
        input_schema={
            "type": "object",
            "properties": {"zone": {"type": "string", "description": "IANA name, e.g. Europe/Berlin"}},
            "required": ["zone"],
        },
        run=_current_time,
    ),
    Tool(
        name="memory_search",
        description="Search what was said in this chat before, also long ago. Gives passages with date and speaker.",
        input_schema={
            "type": "object",
            "properties": {"query": {"type": "string", "description": "What to look for, in the chat's own words"}},
            "required": ["query"],
        },
        run=memory_search,
    ),
    Tool(
        name="memory_save",
        description="Save a fact about this user or group for good; you then see it in every later message. "
        "Only for what will matter in weeks: names, preferences, standing agreements. One short sentence.",
        input_schema={
            "type": "object",
            "properties": {
                "fact": {"type": "string", "description": "At most 200 characters"},
                "replaces": {"type": "integer", "description": "The number of a saved fact that this puts right"},
            },
            "required": ["fact"],
        },
        run=memory_save,
    ),
    *REMINDER_TOOLS,
)


def tool_names() -> frozenset[str]:
    """The names that an overlay's ``allowed_tools`` may hold."""
    return frozenset(tool.name for tool in _BUILT_IN) | {READ_SKILL}


def every_tool() -> tuple[Tool, ...]:
    """All tools that there are, sorted by name."""
    return tuple(sorted(_BUILT_IN, key=lambda tool: tool.name))


def allowed(names: tuple[str, ...]) -> dict[str, Tool]:
    """The tools among ``names`` that exist, sorted by name: the order is part of the cached prompt."""
    return {tool.name: tool for tool in every_tool() if tool.name in names}


def run_tool(
    tools: dict[str, Tool], use: dict[str, Any], context: ToolContext, most_bytes: int = MESSAGE_BYTES
) -> dict[str, Any]:
    """Run one ``tool_use`` block and give its ``tool_result`` block. A failing tool is the model's to explain.

    ``most_bytes`` is what the block may take as stored JSON: the results of one answer's calls are one message.
    """
    tool = tools.get(use["name"])
    failed = False
    if tool is None:
        text, failed = f"There is no tool {use['name']!r}.", True
    else:
        try:
            text = tool.run(
                replace(context, call=str(use["id"])), use["input"] if isinstance(use["input"], dict) else {}
            )
        except (BadInput, ToolFailed) as error:
            text, failed = str(error), True
    block: dict[str, Any] = {"type": "tool_result", "tool_use_id": use["id"], "content": ""}
    block |= {"is_error": True} if failed else {}
    told = cut_text(text or "(no output)", most_bytes - size_of(block), MAX_RESULT_CHARACTERS)
    return {**block, "content": told}
