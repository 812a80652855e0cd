"""What the audit log is told of tool calls: one entry each, and no word of the model's."""

from __future__ import annotations

import json
from typing import Any

from manyclaw.agent.journal import Step, TurnRecord
from manyclaw.agent.tool_audit import called, called_there, left_open
from manyclaw.aws import Clients
from manyclaw.settings import Settings
from manyclaw.tenancy import TenantScope, tenant_id

SETTINGS = Settings("manyclaw", "us-east-1", "t", "b", "", "arn:aws:iam::1:role/x", "", "")
SCOPE = TenantScope(tenant_id("acme"), SETTINGS, Clients("us-east-1"))
USE = {"type": "tool_use", "id": "toolu_1", "name": "book_table", "input": {"name": "Ann"}}


def _entry(item: dict[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(item["Put"]["Item"]["entry"]["S"])
    return values


def test_a_call_is_told_with_its_outcome_and_without_its_arguments() -> None:
    good = _entry(called(SCOPE, "7-1", USE, {"content": "Booked for Ann"}, {"book_table"}))
    bad = _entry(called(SCOPE, "7-1", USE, {"content": "no", "is_error": True}, {"book_table"}))
    assert (good["on"], good["outcome"], good["id"]) == ("tool:book_table", "ok", "7-1/toolu_1")
    assert bad["outcome"] == "failed"
    assert "Ann" not in json.dumps([good, bad])


def test_a_tool_that_was_not_offered_is_refused_and_not_named() -> None:
    made_up = {**USE, "name": "tell-everybody-Anns-secret"}
    entry = _entry(called(SCOPE, "7-1", made_up, {"is_error": True}, {"book_table"}))
    assert entry["outcome"] == "refused"
    assert "secret" not in json.dumps(entry)


def test_a_turn_that_is_given_up_tells_the_calls_that_never_settled() -> None:
    asked = Step("assistant", [{"type": "text", "text": "hm"}, USE, {**USE, "id": "toolu_2"}])
    first = Step("result", [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "x"}])
    begun = TurnRecord("7-1", "running", 1, steps=(asked, first))
    assert [_entry(each)["id"] for each in left_open(SCOPE, begun)] == ["7-1/toolu_2"]
    done = TurnRecord("7-1", "running", 1, steps=(asked, first, Step("result", [{"tool_use_id": "toolu_2"}])))
    assert left_open(SCOPE, done) == []
    assert left_open(SCOPE, TurnRecord("7-1", "running", 1)) == []


def test_calls_of_an_mcp_server_are_told_with_their_server() -> None:
    content: list[dict[str, Any]] = [
        {"type": "mcp_tool_use", "id": "m1", "name": "find", "server_name": "crm", "input": {"q": "Ann"}},
        {"type": "mcp_tool_result", "tool_use_id": "m1", "is_error": False, "content": []},
        {"type": "mcp_tool_use", "id": "m2", "name": "find", "server_name": "crm", "input": {}},
        {"type": "mcp_tool_result", "tool_use_id": "m2", "is_error": True, "content": []},
        {"type": "mcp_tool_use", "id": "m3", "name": "find", "server_name": "crm", "input": {}},
    ]
    told = [_entry(each) for each in called_there(SCOPE, "7-1", content)]
    assert [(each["id"], each["outcome"]) for each in told] == [
        ("7-1/m1", "ok"),
        ("7-1/m2", "failed"),
        ("7-1/m3", "unknown"),
    ]
    assert {each["details"]["server"] for each in told} == {"crm"}
    assert "Ann" not in json.dumps(told)
