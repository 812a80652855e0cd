"""What the model can do with memory: look for something said, and keep a fact in sight."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from manyclaw.agent.remembering import passage_text
from manyclaw.errors import BadInput, Unavailable
from manyclaw.memory import save_fact

if TYPE_CHECKING:
    from manyclaw.agent.tools import ToolContext

FOUND = 8
"""How many passages one search gives."""


def memory_search(context: ToolContext, arguments: dict[str, Any]) -> str:
    """The passages of this chat's memory that answer to a query."""
    query = str(arguments.get("query") or "").strip()
    if not query:
        raise BadInput("Say what to look for.")
    try:
        passages = context.recall(query, FOUND)
    except Unavailable:
        raise BadInput("Memory does not answer at the moment.") from None
    seen: set[str] = set()
    texts = [text for text in (passage_text(each, context.time_zone, seen) for each in passages) if text]
    return "\n\n".join(texts) or "Nothing was found."


def memory_save(context: ToolContext, arguments: dict[str, Any]) -> str:
    """Pin a fact for this chat."""
    number = arguments.get("replaces")
    if number is not None and not isinstance(number, int):
        raise BadInput("replaces is the number of a saved fact.")
    day = context.now.date().isoformat()
    row = save_fact(context.scope, context.subject, str(arguments.get("fact") or ""), day, number)
    return "Saved. The facts are now:\n" + "\n".join(f"{place}. {fact.text}" for place, fact in enumerate(row.facts, 1))
