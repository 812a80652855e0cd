"""Reminders by talking: the three tools with which the model keeps them for an end user."""

from __future__ import annotations

from typing import Any

from manyclaw.agent.tool import Tool, ToolContext
from manyclaw.errors import BadInput
from manyclaw.schedules import cancel_reminder, keep_zone, open_reminders, set_reminder


def _user(context: ToolContext) -> str:
    if context.message is None or context.message.sender_id is None:
        raise BadInput("Reminders need a person who asks for them.")
    return str(context.message.sender_id)


def _set(context: ToolContext, arguments: dict[str, Any]) -> str:
    user = _user(context)
    if arguments.get("zone"):
        keep_zone(context.scope, user, str(arguments["zone"]))
    minutes = arguments.get("in_minutes") or 0
    if isinstance(minutes, bool) or not isinstance(minutes, int):
        raise BadInput("`in_minutes` is a whole number.")
    made = set_reminder(
        context.scope,
        user,
        context.conversation,
        str(arguments.get("text") or ""),
        f"{context.turn}/{context.call}",
        at=str(arguments.get("at") or ""),
        minutes=minutes,
    )
    return f"Set: {made.when} ({made.at:%Y-%m-%d %H:%M} UTC): {made.text} [id {made.job}]. Tell the user this time."


def _list(context: ToolContext, arguments: dict[str, Any]) -> str:
    found = open_reminders(context.scope, _user(context))
    return "\n".join(f"{each.when}: {each.text} [id {each.job}]" for each in found) or "There are no reminders."


def _cancel(context: ToolContext, arguments: dict[str, Any]) -> str:
    job = str(arguments.get("id") or "")
    return "Cancelled." if cancel_reminder(context.scope, _user(context), job) else f"There is no reminder {job!r}."


REMINDER_TOOLS = (
    Tool(
        name="reminder_set",
        description="Remind the user here once. Give in_minutes, or at in the user's local time.",
        input_schema={
            "type": "object",
            "properties": {
                "text": {"type": "string"},
                "in_minutes": {"type": "integer"},
                "at": {"type": "string", "description": "2026-12-24T18:00"},
                "zone": {"type": "string", "description": "IANA zone, once the user has told it"},
            },
            "required": ["text"],
        },
        run=_set,
    ),
    Tool(
        name="reminder_list",
        description="The user's open reminders.",
        input_schema={"type": "object", "properties": {}},
        run=_list,
    ),
    Tool(
        name="reminder_cancel",
        description="Cancel one of the user's reminders.",
        input_schema={"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]},
        run=_cancel,
    ),
)
