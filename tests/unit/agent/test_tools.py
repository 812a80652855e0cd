from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

import pytest

from manyclaw.agent.tools import MAX_RESULT_CHARACTERS, Tool, ToolContext, allowed, run_tool
from manyclaw.memory import subject

CONTEXT = ToolContext(
    cast("Any", None), "7", datetime(2026, 3, 29, 0, 30, tzinfo=UTC), subject("u7"), "UTC", lambda query, limit: []
)


def _use(name: str, **arguments: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": "u1", "name": name, "input": arguments}


def test_the_time_is_told_in_the_zone_that_was_asked_for() -> None:
    result = run_tool(allowed(("current_time",)), _use("current_time", zone="Europe/Berlin"), CONTEXT)
    assert result == {"type": "tool_result", "tool_use_id": "u1", "content": "Sunday, 2026-03-29 01:30 (UTC+0100)"}


@pytest.mark.parametrize("zone", ["Mars/Base", "", None, "../etc/passwd", 5])
def test_a_zone_that_is_none_is_the_models_to_explain(zone: object) -> None:
    result = run_tool(allowed(("current_time",)), _use("current_time", zone=zone), CONTEXT)
    assert result["is_error"] is True
    assert "not an IANA time zone" in result["content"]


def test_an_unknown_tool_and_a_long_result_do_no_harm() -> None:
    assert run_tool({}, _use("rm"), CONTEXT)["is_error"] is True
    long = Tool("long", "", {}, lambda context, arguments: "x" * 100_000)
    content = run_tool({"long": long}, _use("long"), CONTEXT)["content"]
    assert len(content) < MAX_RESULT_CHARACTERS + 100
    assert content.endswith("[cut: 100000 characters]")
