"""A tenant's MCP servers in a request, the blocks that come back, and what of them is kept."""

from __future__ import annotations

import json
from typing import Any

import pytest

from manyclaw.agent.journal import Step, TurnRecord
from manyclaw.agent.model import text_of
from manyclaw.agent.prompt import Frame, longest_prompt, request
from manyclaw.agent.steps import messages_of, paused, without_orphans
from manyclaw.agent.tools import allowed
from manyclaw.mcp import Toolset, connected, toolsets
from manyclaw.sessions import Message
from manyclaw.tenancy import InvalidDocument, Overlay, check_overlay, parse_overlay
from tests.unit.tenancy.test_documents import GATEWAY, TOOLS

CALENDAR = Toolset("calendar", "https://mcp.example.com/sse", "mcp.example.com", ("book", "find"))
OVERLAY = """mcp_servers:
  - name: calendar
    url: https://mcp.example.com/sse
  - name: idle
    url: https://idle.example.com/
allowed_tools:
  - mcp__calendar__find
  - mcp__calendar__book
  - current_time
"""


def _use(number: int, server: str = "calendar") -> dict[str, Any]:
    return {
        "type": "mcp_tool_use",
        "id": f"m{number}",
        "name": "find",
        "server_name": server,
        "input": {"b": 1, "a": 2},
    }


def _result(number: int) -> dict[str, Any]:
    content = [{"type": "text", "text": "three slots"}]
    return {"type": "mcp_tool_result", "tool_use_id": f"m{number}", "is_error": False, "content": content}


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def _frame(*servers: Toolset) -> Frame:
    return Frame("claude-haiku-4-5", 1024, 200_000, "You book.", allowed(("current_time",)), "5m", servers)


def test_only_allowed_tools_of_named_servers_are_enabled() -> None:
    overlay = check_overlay(OVERLAY, GATEWAY, TOOLS)
    assert toolsets(overlay) == (CALENDAR,)
    body = request(_frame(*toolsets(overlay)), (), [Message("user", [_text("hi")], "t")])
    assert body["tools"][-1] == {
        "type": "mcp_toolset",
        "mcp_server_name": "calendar",
        "default_config": {"enabled": False},
        "configs": {"book": {"enabled": True}, "find": {"enabled": True}},
    }
    # Without an allowed tool no server is asked at all
    assert toolsets(overlay.model_copy(update={"allowed_tools": ("current_time",)})) == ()


@pytest.mark.parametrize(
    ("change", "line", "said"),
    [
        (("https://mcp.example.com/sse", "http://mcp.example.com/sse"), 3, "https"),
        (("https://mcp.example.com/sse", "https://u:hunter2@mcp.example.com/"), 3, "a secret never stands in a URL"),
        (("https://mcp.example.com/sse", "https://mcp.example.com/?key=hunter2"), 3, "query"),
        (("https://mcp.example.com/sse", "https://169.254.169.254/"), 3, "address"),
        (("name: idle", "name: calendar"), 1, "twice"),
        (("name: idle", "name: Bad__name"), 4, "pattern"),
        (("mcp__calendar__book", "mcp__calender__book"), 8, "mcp_servers does not name"),
        (("mcp__calendar__book", "mcp__diary"), 8, "mcp__SERVER__TOOL"),
        (
            ("    url: https://idle.example.com/", "    url: https://idle.example.com/\n    token: hunter2"),
            6,
            "unknown key",
        ),
    ],
)
def test_a_wrong_server_is_refused_with_its_line_and_no_secret_is_repeated(
    change: tuple[str, str], line: int, said: str
) -> None:
    with pytest.raises(InvalidDocument) as refused:
        check_overlay(OVERLAY.replace(*change), GATEWAY, TOOLS)
    problem = refused.value.problems[0]
    assert (problem.line, said in problem.message) == (line, True), problem
    assert "hunter2" not in str(refused.value)


def test_at_most_five_servers() -> None:
    servers = "".join(f"  - {{name: s{number}, url: 'https://s{number}.example.com/'}}\n" for number in range(6))
    with pytest.raises(InvalidDocument):
        parse_overlay("mcp_servers:\n" + servers)


def test_the_token_stands_in_the_list_of_servers_and_nowhere_in_the_prompt() -> None:
    body = request(_frame(CALENDAR), (), [Message("user", [_text("hi")], "t")])
    servers = connected((CALENDAR,), lambda each: f"secret of {each.host}")
    assert servers[0]["authorization_token"] == "secret of mcp.example.com"
    assert "secret" not in json.dumps(body)
    assert "authorization_token" not in connected((CALENDAR,), lambda each: "")[0]


def test_the_prefix_is_the_same_in_the_next_turn() -> None:
    first = [Message("user", [_text("a")], "t1")]
    answer = Message("assistant", [_use(1), _result(1), _text("b")], "t1")
    one = request(_frame(CALENDAR), (), first)
    two = request(_frame(CALENDAR), (*first, answer), [Message("user", [_text("c")], "t2")])
    assert json.dumps(one["tools"]) == json.dumps(two["tools"])
    assert two["messages"][1]["content"][:2] == [_use(1), _result(1)]


def test_calls_of_a_server_that_is_gone_are_told_in_words_that_never_change() -> None:
    history = (
        Message("user", [_text("a")], "t1"),
        Message("assistant", [_use(1), _result(1), _text("b"), _use(2, "other"), _result(2)], "t1"),
    )
    newest = [Message("user", [_text("c")], "t2")]
    body = request(_frame(CALENDAR), history, newest)
    blocks = body["messages"][1]["content"]
    assert [block["type"] for block in blocks] == ["mcp_tool_use", "mcp_tool_result", "text", "text", "text"]
    assert blocks[3]["text"] == '[called find of other: {"a": 2, "b": 1}]'
    assert blocks[4]["text"] == "[it gave: three slots]"
    assert "mcp_tool" not in json.dumps(request(_frame(), history, newest))
    assert json.dumps(request(_frame(), history, newest)) == json.dumps(request(_frame(), history, newest))


def test_an_answer_that_was_cut_short_keeps_no_half_of_a_call() -> None:
    cut = [Message("user", [_text("a")], "t"), Message("assistant", [_use(1), _result(1), _use(2)], "t")]
    assert without_orphans(cut)[1].content == [_use(1), _result(1)]
    assert without_orphans([cut[0], Message("assistant", [_result(9)], "t")]) == [cut[0]]
    # A call and its result on both sides of a pause are whole
    both = [cut[0], Message("assistant", [_use(1)], "t"), Message("assistant", [_result(1), _text("b")], "t")]
    assert without_orphans(both) == both


def test_a_paused_answer_is_gone_on_with_and_its_beginning_belongs_to_the_reply() -> None:
    steps = (
        Step("assistant", [_text("Let me see."), {"type": "tool_use", "id": "u", "name": "current_time", "input": {}}]),
        Step("result", [{"type": "tool_result", "tool_use_id": "u", "content": "noon"}]),
        Step("assistant", [_text("I look."), _use(1), _result(1)]),
    )
    record = TurnRecord("t", "running", 1, steps=steps)
    assert [message.role for message in messages_of(record, "t")] == ["assistant", "user", "assistant"]
    assert text_of([*paused(record), _text("Three slots.")]) == "I look.\n\nThree slots."


def test_a_call_with_servers_reserves_more() -> None:
    newest = [Message("user", [_text("hi")], "t")]
    with_servers = longest_prompt(request(_frame(CALENDAR), (), newest), newest, 0, servers=1)
    assert with_servers > 2 * longest_prompt(request(_frame(), (), newest), newest, 0) + 20_000


def test_an_overlay_without_servers_is_as_it_was() -> None:
    assert toolsets(Overlay()) == ()
    assert "mcp" not in json.dumps(request(_frame(), (), [Message("user", [_text("hi")], "t")]))
