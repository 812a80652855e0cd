"""Tools that a tenant's jobs may call and no model can: they are in no prompt and in no ``allowed_tools``."""

from __future__ import annotations

import logging
from typing import Any

from manyclaw.agent.texts import text
from manyclaw.agent.tool import Tool, ToolContext
from manyclaw.logs import fields
from manyclaw.memory import tidy_facts

log = logging.getLogger(__name__)


def _memory_tidy(context: ToolContext, arguments: dict[str, Any]) -> str:
    """Put this chat's memory in order; what was removed is said, and nothing is said if nothing was."""
    done = tidy_facts(context.scope, context.subject)
    facts, turns = len(done.row.facts), done.row.turns
    told = fields(tenant=context.scope.tenant, removed=len(done.removed), facts=facts, turns=turns)
    log.info("memory tidied", extra=told)
    if not done.removed:
        return ""
    said = text("memory_tidied", context.language, facts=str(facts))
    return "\n".join([said, *(f"– {fact.text}" for fact in done.removed)])


JOB_TOOLS = (
    Tool(
        name="memory_tidy",
        description="Remove saved facts that say the same twice.",
        input_schema={"type": "object", "properties": {}},
        run=_memory_tidy,
    ),
)


def job_tool_names() -> frozenset[str]:
    """The names of the tools that any tenant's jobs may call."""
    return frozenset(tool.name for tool in JOB_TOOLS)
