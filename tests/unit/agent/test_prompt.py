"""The prompt's layout: what was sent once is sent again byte for byte, and the rest stands behind it."""

from __future__ import annotations

import json
from typing import Any

from manyclaw.agent.prompt import Frame, fit, request, user_content
from manyclaw.agent.tools import allowed, tool_names
from manyclaw.sessions import Message, Transcript
from manyclaw.telegram import read_message


def _frame(**changes: Any) -> Frame:
    values: dict[str, Any] = {
        "model": "claude-haiku-4-5",
        "max_tokens": 1024,
        "context_window": 200_000,
        "system": "You take reservations.",
        "tools": allowed(("current_time",)),
        "cache_ttl": "5m",
    }
    return Frame(**{**values, **changes})


def _said(turn: str, text: str) -> Message:
    return Message("user", [{"type": "text", "text": text}], turn)


def _without_marks(body: dict[str, Any]) -> str:
    def strip(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: strip(inner) for key, inner in value.items() if key != "cache_control"}
        return [strip(inner) for inner in value] if isinstance(value, list) else value

    stripped = strip(body)
    return json.dumps([stripped.get("tools"), stripped["system"], stripped["messages"]], ensure_ascii=False)


def _update(**message: Any) -> dict[str, Any]:
    base = {
        "message_id": 5,
        "date": 1_763_798_400,
        "chat": {"id": 7, "type": "private"},
        "from": {"id": 7, "first_name": "Ann [x]"},
        "text": "hi",
    }
    return {"update_id": 1, "message": {**base, **message}}


def test_the_next_prompt_begins_with_the_bytes_of_the_last() -> None:
    # Given a first turn with a volatile passage, and its answer
    first = [_said("t1", "hello")]
    one = request(_frame(), (), first, volatile="a passage from memory")
    answer = Message("assistant", [{"type": "text", "text": "Good day"}], "t1")
    # When the second turn is asked
    two = request(_frame(), (*first, answer), [_said("t2", "and again")], volatile="another passage")
    # Then everything up to the first turn's breakpoint is the same, and no passage was kept
    stable = _without_marks(request(_frame(), (), first)).removesuffix("]]")
    assert _without_marks(one).startswith(stable.removesuffix("]}"))
    assert _without_marks(two).startswith(stable)
    assert "a passage from memory" not in json.dumps(two)
    assert two["messages"][-1]["content"][-1] == {"type": "text", "text": "another passage"}


def test_breakpoints_stand_at_system_history_and_newest_and_are_at_most_four() -> None:
    history = (_said("t1", "a"), Message("assistant", [{"type": "text", "text": "b"}], "t1"))
    turn = [
        _said("t2", "c"),
        Message("assistant", [{"type": "tool_use", "id": "u", "name": "current_time", "input": {}}], "t2"),
        Message("user", [{"type": "tool_result", "tool_use_id": "u", "content": "noon"}], "t2"),
    ]
    body = request(_frame(cache_ttl="1h"), history, turn, volatile="v")
    assert json.dumps(body).count("cache_control") == 4
    assert body["system"][0]["cache_control"] == {"type": "ephemeral", "ttl": "1h"}
    assert "cache_control" in body["messages"][1]["content"][0]
    assert "cache_control" in body["messages"][2]["content"][0]
    assert "cache_control" not in body["messages"][2]["content"][1]
    assert "cache_control" in body["messages"][4]["content"][0]
    assert "cache_control" not in history[1].content[0]


def test_a_message_is_headed_by_its_date_and_sender() -> None:
    message = read_message(_update())
    assert message is not None
    assert user_content(message, "Europe/Berlin") == [{"type": "text", "text": "[Sat 2025-11-22 09:00 CET, Ann x]\nhi"}]


def test_history_is_trimmed_deep_and_only_between_turns() -> None:
    # Given a transcript whose last context nearly filled the window
    messages = tuple(
        message
        for number in range(100)
        for message in (
            _said(f"t{number}", "q" * 100),
            Message("assistant", [{"type": "tool_use", "id": f"u{number}", "name": "x", "input": {}}], f"t{number}"),
            Message("user", [{"type": "tool_result", "tool_use_id": f"u{number}", "content": "r"}], f"t{number}"),
            Message("assistant", [{"type": "text", "text": "a" * 100}], f"t{number}"),
        )
    )
    transcript = Transcript("7", next_seq=400, first_seq=0, context_tokens=9_000, messages=messages)
    small = _frame(context_window=10_000, max_tokens=1_000)
    # When it has to fit
    fitted = fit(transcript, small, _said("t100", "next"))
    # Then it is well below the limit, begins with a user's own words, and counts on from where it was
    assert 0 < len(fitted.messages) < 200
    assert fitted.messages[0].content[0]["type"] == "text"
    assert fitted.messages[0].role == "user"
    assert fitted.first_seq == 400 - len(fitted.messages)
    assert fitted.next_seq == 400
    # And one with room is left alone
    assert fit(Transcript("7", 4, 0, 50, messages[:4]), small, _said("t", "x")).messages == messages[:4]


def test_only_allowed_tools_that_exist_are_offered() -> None:
    assert list(allowed(("current_time", "no_such_tool"))) == ["current_time"]
    assert "current_time" in tool_names()
    assert "tools" not in request(_frame(tools={}), (), [_said("t", "x")])
