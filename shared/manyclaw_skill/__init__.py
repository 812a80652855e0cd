"""What the author of a skill imports: ``from manyclaw_skill import tool``.

A skill's ``tools.py`` marks the functions that the model may call::

    from manyclaw_skill import ToolError, scratch, tool

    @tool
    def count_visits(name: str) -> str:
        '''How often a guest was here.

        Args:
            name: The guest's full name.
        '''
        visits = scratch() / f"{name}.txt"
        if not visits.exists():
            raise ToolError(f"{name} was never here.")
        return visits.read_text()

Standard library only: it is imported where the skill runs, and nothing else of manyclaw is there.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ["ToolError", "scratch", "secret", "tool"]

_secrets: dict[str, str] = {}
_scratch = Path()


class ToolError(Exception):
    """Raise it to tell the model, in a sentence, why the call could not be done."""


def tool[Function: Callable[..., Any]](function: Function) -> Function:
    """Let the model call this function. Its hints become the schema, its docstring the description."""
    function.__manyclaw_tool__ = True  # type: ignore[attr-defined]
    return function


def scratch() -> Path:
    """The skill's own folder, the same in every call of the tenant; 2 MB and 200 files at most."""
    return _scratch


def secret(name: str) -> str:
    """A secret that SKILL.md names under ``secrets``. Raises ``ToolError`` when the operator has not set it."""
    try:
        return _secrets[name]
    except KeyError:
        raise ToolError(f"The secret {name} is not set.") from None
