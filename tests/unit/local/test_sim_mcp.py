"""The simulated MCP connector refuses what Anthropic's refuses, and accounts for its rounds."""

from __future__ import annotations

import json
from typing import Any

import pytest

from local.model.cache import CacheUse
from local.model.errors import ModelApiError
from local.model.mcp import BETA, McpCall, check_beta, check_mcp_pairs, check_servers, offered_mcp, without_tokens
from local.model.messages import in_two_rounds
from manyclaw.billing import Tokens

SERVER = {"type": "url", "name": "calendar", "url": "https://mcp.example.com/", "authorization_token": "secret-1234"}
TOOLSET = {
    "type": "mcp_toolset",
    "mcp_server_name": "calendar",
    "default_config": {"enabled": False},
    "configs": {"find": {"enabled": True}, "book": {"enabled": False}},
}


def _asked(**changes: Any) -> dict[str, Any]:
    return {"mcp_servers": [SERVER], "tools": [TOOLSET], "messages": [], **changes}


def test_a_good_request_is_taken_and_offers_what_is_enabled() -> None:
    check_beta(_asked(), f"other,{BETA}")
    check_servers(_asked())
    assert offered_mcp(_asked()) == {("calendar", "find")}
    assert offered_mcp(_asked(tool_choice={"type": "none"})) == frozenset()


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (_asked(tools=[]), "exactly one mcp_toolset"),
        (_asked(tools=[TOOLSET, TOOLSET]), "exactly one mcp_toolset"),
        (_asked(mcp_servers=[]), "exactly one mcp_toolset"),
        (_asked(mcp_servers=[SERVER, SERVER], tools=[TOOLSET, TOOLSET]), "unique"),
        (_asked(mcp_servers=[{**SERVER, "url": "http://mcp.example.com/"}]), "https"),
        (_asked(mcp_servers=[{**SERVER, "url": "https://down.example.com/"}]), "Connection error"),
        (_asked(mcp_servers=[{"type": "url", "name": "calendar", "url": "https://locked.x.org/"}]), "Authentication"),
    ],
)
def test_a_wrong_request_is_refused(request_: dict[str, Any], said: str) -> None:
    with pytest.raises(ModelApiError, match=said):
        check_servers(request_)


def test_without_the_betas_header_nothing_of_it_is_known() -> None:
    for request in (_asked(), {"tools": [TOOLSET]}, {"messages": [{"content": [{"type": "mcp_tool_use"}]}]}):
        with pytest.raises(ModelApiError):
            check_beta(request, "")
    check_beta({"messages": [{"content": 'a text about "mcp_tool_use"'}]}, "")


def test_calls_and_results_stand_in_pairs() -> None:
    use, result = McpCall("calendar", "find", {}).blocks("m1")
    check_mcp_pairs(0, [use, result])
    for wrong in ([use], [result], [result, use]):
        with pytest.raises(ModelApiError):
            check_mcp_pairs(0, wrong)


def test_the_log_keeps_no_token() -> None:
    kept = without_tokens(_asked())
    assert kept["mcp_servers"][0]["authorization_token"] == "…1234"
    assert "secret" not in json.dumps(kept)


def test_the_rounds_of_a_call_add_up_and_an_hours_cache_is_paid_as_one() -> None:
    from anthropic.types.beta import BetaUsage

    use, result = McpCall("calendar", "find", {}).blocks("m1")
    usage = in_two_rounds(CacheUse(100, 0, 0, 900), [use, result], [{"type": "text", "text": "done"}])
    assert usage["input_tokens"] == sum(each["input_tokens"] for each in usage["iterations"])
    assert usage["output_tokens"] == sum(each["output_tokens"] for each in usage["iterations"])
    assert usage["cache_read_input_tokens"] == 900
    # Also where only the rounds tell the lifetime of what was written
    tokens = Tokens.of(BetaUsage.model_validate({**usage, "cache_creation": None}))
    assert (tokens.cache_write_1h, tokens.cache_write_5m) == (900, 0)
