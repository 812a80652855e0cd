"""What a tool is, and what it may know."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from manyclaw.memory import Passage, Subject
from manyclaw.telegram import IncomingMessage
from manyclaw.tenancy import TenantScope


@dataclass(frozen=True)
class ToolContext:
    """What a tool may know: whose it is, where it was called, and what time it is (aware UTC).

    ``recall`` searches the memory of ``subject``: query and number in, passages out. ``message`` is what the turn
    answers; ``turn`` and ``call`` (the tool_use's id) name the call: a tool that runs a second time after a crash has
    the same two. ``language`` is the one in which the product speaks in this chat.
    """

    scope: TenantScope
    conversation: str
    now: datetime
    subject: Subject
    time_zone: str
    recall: Callable[[str, int], list[Passage]]
    message: IncomingMessage | None = None
    turn: str = ""
    call: str = ""
    language: str = "en"


@dataclass(frozen=True)
class Tool:
    """A tool as the model sees it, and what runs when it is called.

    ``run`` gives the result's text. It may raise ``BadInput`` or ``ToolFailed``, which the model gets to read.
    """

    name: str
    description: str
    input_schema: dict[str, Any]
    run: Callable[[ToolContext, dict[str, Any]], str]

    def definition(self) -> dict[str, Any]:
        """As the Messages API wants it."""
        return {"name": self.name, "description": self.description, "input_schema": self.input_schema}
