"""What the model is offered of a tenant's skills, and what comes of a call."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from manyclaw.agent import skill_tools
from manyclaw.agent.skill_tools import names_of, offered, skills_paragraph
from manyclaw.agent.tools import ToolContext, run_tool
from manyclaw.errors import Unavailable
from manyclaw.skills import Installed, SkillTool, ToolAnswer
from tests.skills import bundle

WEATHER = SkillTool("weather", "Tells it.", {"type": "object", "properties": {}})
CLOCK = SkillTool("current_time", "A skill's own.", {"type": "object", "properties": {}})
SKILLS = (Installed("sky", "Knows\n  the sky.", "v", (), (WEATHER, CLOCK)),)
RUNTIME = cast("Any", SimpleNamespace(clients=None, settings=None, sleep=lambda seconds: None))
CONTEXT = ToolContext(
    cast("Any", None), "7", datetime(2026, 1, 1, tzinfo=UTC), cast("Any", None), "UTC", lambda query, limit: []
)


def _use(tool: str, /, **arguments: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": "u1", "name": tool, "input": arguments}


def _offered(*names: str, seconds: float = 900.0) -> dict[str, Any]:
    return offered(names, SKILLS, RUNTIME, lambda: seconds)


def test_only_allowed_tools_are_offered_in_a_stable_order() -> None:
    assert list(_offered("weather", "unknown")) == ["read_skill", "weather"]
    assert list(_offered()) == ["read_skill"]
    assert offered(("weather",), (), RUNTIME, lambda: 900.0) == {}


def test_the_products_own_tool_goes_before_a_skills() -> None:
    assert _offered("current_time")["current_time"].description != CLOCK.description


def test_names_and_descriptions_stand_in_the_prompt_and_nothing_without_skills() -> None:
    assert skills_paragraph(SKILLS).endswith("\n- sky: Knows the sky.")
    assert skills_paragraph(()) == ""
    assert names_of(SKILLS) == {"weather", "current_time"}


def test_a_calls_outcome_is_the_models_to_read(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[Any, ...]] = []

    class Fake:
        def __init__(self, *_: Any) -> None: ...

        def call(self, *arguments: Any) -> ToolAnswer:
            calls.append(arguments)
            return ToolAnswer("sunny", "") if arguments[3] else ToolAnswer("", "Which town?")

    monkeypatch.setattr(skill_tools, "Caller", Fake)
    assert run_tool(_offered("weather"), _use("weather", town="Kiel"), CONTEXT)["content"] == "sunny"
    failed = run_tool(_offered("weather"), _use("weather"), CONTEXT)
    assert (failed["content"], failed["is_error"]) == ("Which town?", True)
    # The call is named by conversation and tool use, so that it is known again after a crash
    assert calls[0][4] == "7 u1"


def test_no_call_begins_that_may_not_end_in_time() -> None:
    with pytest.raises(Unavailable):
        run_tool(_offered("weather", seconds=10), _use("weather"), CONTEXT)


def test_a_skills_body_is_read_on_demand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(skill_tools, "load_bundle", lambda scope, skill: bundle("pass"))
    assert run_tool(_offered(), _use("read_skill", name="sky"), CONTEXT)["content"] == "Call probe."
    assert run_tool(_offered(), _use("read_skill", name="sea"), CONTEXT)["is_error"] is True
    assert run_tool(_offered(), _use("read_skill", name="sky", file="/etc/passwd"), CONTEXT)["is_error"] is True
