"""What is kept of long answers and results: whole pairs, the same bytes each time, no more than an item takes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

import pytest

from manyclaw.agent.bounds import MESSAGE_BYTES, bounded, cut_text, size_of
from manyclaw.agent.journal import Step, TurnRecord
from manyclaw.agent.steps import messages_of
from manyclaw.agent.tools import Tool, ToolContext, run_tool
from manyclaw.memory import subject

CONTEXT = ToolContext(
    cast("Any", None), "7", datetime(2026, 3, 29, tzinfo=UTC), subject("u7"), "UTC", lambda query, limit: []
)


def _pair(number: int, text: str) -> list[dict[str, Any]]:
    return [
        {"type": "mcp_tool_use", "id": f"m{number}", "name": "find", "server_name": "crm", "input": {}},
        {"type": "mcp_tool_result", "tool_use_id": f"m{number}", "content": [{"type": "text", "text": text}]},
    ]


@pytest.mark.parametrize("letter", ["x", "漢", "\x00", '"'])
def test_a_servers_long_result_is_cut_and_says_so_while_its_call_and_the_others_stay(letter: str) -> None:
    # Given an answer with a result of half a megabyte and a short one
    words = {"type": "text", "text": "Two were found."}
    content = [*_pair(1, letter * 500_000), *_pair(2, "short"), words]
    # When it is bounded
    kept = bounded(content)
    # Then it fits, as fully as it can, and only the long text has become shorter
    assert MESSAGE_BYTES - 100 < size_of(kept) <= MESSAGE_BYTES
    assert [block["type"] for block in kept] == [block["type"] for block in content]
    assert (kept[0], kept[2:]) == (content[0], content[2:])
    assert kept[1]["content"][0]["text"].endswith("[cut: 500000 characters]")
    # And it stays as it is from then on
    assert bounded(kept) == kept
    assert bounded(content) == kept


def test_an_answer_that_fits_is_not_touched() -> None:
    content = [*_pair(1, "x" * 250_000), {"type": "text", "text": "y"}]
    assert bounded(content) is content


def test_words_are_cut_where_nothing_else_is_long() -> None:
    (kept,) = bounded([{"type": "text", "text": "漢" * 200_000}])
    assert size_of([kept]) <= MESSAGE_BYTES
    assert kept["text"].endswith("[cut: 200000 characters]")
    whole = [*_pair(1, "short"), {"type": "tool_use", "id": "u", "name": "n", "input": {"a": "x" * 400_000}}]
    assert bounded(whole)[2] == whole[2]


def test_the_results_of_one_answers_calls_fit_into_one_message() -> None:
    # Given seven calls at once, each with a result of 20,000 CJK characters
    tools = {"read": Tool("read", "", {}, lambda context, arguments: "漢" * 20_000)}
    uses = [{"type": "tool_use", "id": f"u{number}", "name": "read", "input": {}} for number in range(7)]
    # When they are run, and journalled one by one
    blocks = [run_tool(tools, use, CONTEXT, MESSAGE_BYTES // len(uses)) for use in uses]
    steps = (Step("assistant", uses), *(Step("result", [block]) for block in blocks))
    results = messages_of(TurnRecord("t", "running", 1, steps=steps), "t")[-1]
    # Then the message that holds them all fits
    assert [block["tool_use_id"] for block in results.content] == [use["id"] for use in uses]
    assert MESSAGE_BYTES * 0.9 < size_of(results.content) <= MESSAGE_BYTES + 100
    assert all(block["content"].endswith("[cut: 20000 characters]") for block in results.content)


def test_a_few_results_keep_their_twenty_thousand_characters() -> None:
    tools = {"read": Tool("read", "", {}, lambda context, arguments: "x" * 20_000)}
    use = {"type": "tool_use", "id": "u", "name": "read", "input": {}}
    assert run_tool(tools, use, CONTEXT, MESSAGE_BYTES // 14)["content"] == "x" * 20_000


def test_both_limits_hold_together() -> None:
    assert cut_text("short", 100) == "short"
    assert cut_text("x" * 100, 1000, 10) == "x" * 10 + "\n[cut: 100 characters]"
    assert cut_text("x" * 100, 0) == "[cut: 100 characters]"
