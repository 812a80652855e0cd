"""A tenant's skills as the model sees them: their tools, ``read_skill``, and a paragraph in the system prompt."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from manyclaw.agent.tools import Tool, ToolContext, allowed, tool_names
from manyclaw.errors import BadInput, Unavailable
from manyclaw.skills import CALL_SECONDS, READ_SKILL, Caller, Installed, ToolFailed, load_bundle, load_index
from manyclaw.tenancy import TenantScope

if TYPE_CHECKING:
    from manyclaw.agent.runtime import Runtime

_INTRODUCTION = (
    "You have these skills. Before you use one for the first time in a conversation, read its instructions with the "
    "tool read_skill."
)


def known_tools(scope: TenantScope) -> frozenset[str]:
    """Every name that the tenant's ``allowed_tools`` may hold now: the product's own tools and its skills'."""
    return tool_names() | names_of(load_index(scope).skills)


def names_of(skills: tuple[Installed, ...]) -> frozenset[str]:
    """The names of the skills' tools."""
    return frozenset(tool.name for skill in skills for tool in skill.tools)


def skills_paragraph(skills: tuple[Installed, ...]) -> str:
    """Names and descriptions for the stable system prompt; empty without skills."""
    if not skills:
        return ""
    return "\n".join([_INTRODUCTION, *(f"- {skill.name}: {' '.join(skill.description.split())}" for skill in skills)])


def offered(
    names: tuple[str, ...], skills: tuple[Installed, ...], runtime: Runtime, seconds_left: Callable[[], float]
) -> dict[str, Tool]:
    """The tools that a turn offers, sorted by name: the allowed ones, and ``read_skill`` where there are skills.

    The product's own tool wins where a later version of the product has one of a skill's name.
    """
    found = {
        tool.name: Tool(tool.name, tool.description, tool.input_schema, _runs(skill, tool.name, runtime, seconds_left))
        for skill in skills
        for tool in skill.tools
        if tool.name in names
    }
    if skills:
        found[READ_SKILL] = _reader(skills)
    return dict(sorted((found | allowed(names)).items()))


def _runs(
    skill: Installed, tool: str, runtime: Runtime, seconds_left: Callable[[], float]
) -> Callable[[ToolContext, dict[str, Any]], str]:
    def run(context: ToolContext, arguments: dict[str, Any]) -> str:
        if seconds_left() < CALL_SECONDS:
            raise Unavailable("There is too little time left for another tool call.", retry_after=1)
        caller = Caller(runtime.clients, runtime.settings, runtime.sleep)
        answer = caller.call(context.scope, skill, tool, arguments, f"{context.conversation} {context.call}")
        if answer.error:
            raise ToolFailed(answer.error)
        return answer.text

    return run


def _reader(skills: tuple[Installed, ...]) -> Tool:
    by_name = {skill.name: skill for skill in skills}

    def run(context: ToolContext, arguments: dict[str, Any]) -> str:
        skill = by_name.get(str(arguments.get("name")))
        if skill is None:
            raise BadInput(f"There is no skill {arguments.get('name')!r}; there are {', '.join(by_name)}.")
        return load_bundle(context.scope, skill).read(str(arguments.get("file") or "SKILL.md"))

    return Tool(
        name=READ_SKILL,
        description="Read a skill's instructions, or another file that they name.",
        input_schema={
            "type": "object",
            "properties": {
                "name": {"type": "string", "enum": list(by_name)},
                "file": {"type": "string", "description": "A file that the instructions name; SKILL.md if not given."},
            },
            "required": ["name"],
        },
        run=run,
    )
