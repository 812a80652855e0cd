"""Remote MCP servers: what the model's API is asked, what stays of a call, and a server that fails."""

from __future__ import annotations

import json
from typing import Any

import pytest

from manyclaw.errors import BadInput
from manyclaw.mcp import MCP_ROW, forget_tokens, list_tokens, read_token, store_token
from tests.integration.test_cli import Cli, cli
from tests.integration.world import Customer, Person, World

__all__ = ["cli"]

pytestmark = pytest.mark.integration

TOKEN = "mcp-secret-0123456789-abcdef"
CONFIG = """cache_ttl: 1h
mcp_servers:
  - {name: calendar, url: 'https://mcp.example.com/sse'}
  - {name: diary, url: 'https://diary.example.com/'}
allowed_tools: [mcp__calendar__find_slots, current_time]
"""


def _requests(world: World, of: Customer) -> list[dict[str, Any]]:
    return [call["request"] for call in world.model_calls(of)]


def test_a_tool_of_a_server_is_called_within_the_answer_and_stays_in_the_conversation(world: World) -> None:
    # Given a tenant with two servers, a tool of one of them allowed, and a token for it
    acme, ann = world.customer(CONFIG), Person.new()
    store_token(acme.scope, "calendar", "mcp.example.com", TOKEN)
    # When the model calls the tool, and the conversation goes on
    said = world.ask(acme, ann, 'use mcp calendar find_slots {"day": "friday"}')
    assert said == '(Simulated model.) calendar says: find_slots got {"day": "friday"}'
    assert "count" not in world.ask(acme, ann, "use mcp diary read {}")
    # Then the API was given that server alone, with its token, and that tool alone
    first, second = _requests(world, acme)
    server = {"type": "url", "name": "calendar", "url": "https://mcp.example.com/sse"}
    assert first["mcp_servers"] == [{**server, "authorization_token": f"…{TOKEN[-4:]}"}]
    assert first["tools"][-1]["configs"] == {"find_slots": {"enabled": True}}
    # And the second prompt begins with the first, call and result in it
    assert json.dumps(second["tools"]) == json.dumps(first["tools"])
    kinds = [block["type"] for block in second["messages"][1]["content"]]
    assert kinds == ["mcp_tool_use", "mcp_tool_result", "text"]
    # And the call stands in the books, with every round's tokens
    rows = sorted(world.ledger(acme), key=lambda row: row.began_at)
    assert [row.tool_calls for row in rows] == [1, 0]
    world.check_books(acme)


def test_a_server_that_fails_costs_the_turn_its_tools_and_nothing_else(world: World) -> None:
    acme, ann = world.customer(CONFIG.replace("mcp.example.com", "down.example.com")), Person.new()
    assert world.ask(acme, ann, "hello").startswith("(Simulated model.) You said: “hello”")
    asked = _requests(world, acme)
    assert ["mcp_servers" in request for request in asked] == [True, False]
    assert "calendar cannot be reached now" in json.dumps(asked[1]["messages"][-1])
    world.check_books(acme, refused=1)
    # Also when it fails in the middle of the answer, which may then be billed
    gone = world.customer(CONFIG)
    world.model("POST", "faults", {"error_event": "mcp_server_error", "contains": gone.marker})
    assert world.ask(gone, Person.new(), "hello").startswith("(Simulated model.)")
    world.check_books(gone, unsettled=1)
    # A tool that reports an error is the model's to explain
    beta = world.customer(CONFIG.replace("find_slots", "fails"))
    assert world.ask(beta, Person.new(), "use mcp calendar fails") == "(Simulated model.) calendar says: it failed"


def test_a_paused_answer_is_asked_on(world: World) -> None:
    acme, ann = world.customer(CONFIG), Person.new()
    use = {"type": "mcp_tool_use", "id": "mcptoolu_1", "name": "find_slots", "server_name": "calendar", "input": {}}
    result = {"type": "mcp_tool_result", "tool_use_id": "mcptoolu_1", "is_error": False, "content": "three"}
    content = [{"type": "text", "text": "I look."}, use, result]
    world.model("POST", "faults", {"content": content, "stop_reason": "pause_turn", "contains": acme.marker})
    assert world.ask(acme, ann, "when?").startswith("I look.\n\n(Simulated model.) You said: “when?”")
    assert [row.tool_calls for row in world.ledger(acme)] in ([1, 0], [0, 1])
    world.check_books(acme)


def test_tokens_are_stored_shown_and_forgotten_by_command(world: World, cli: Cli) -> None:
    acme = world.customer(CONFIG)
    cli("mcp", "token", acme.id, "calendar", "--value", "-", given=f"{TOKEN}\n")
    assert read_token(acme.scope, "calendar", "mcp.example.com") == TOKEN
    listed = cli("mcp", "list", acme.id, "--json").stdout
    assert [(each["name"], each["token"]) for each in json.loads(listed)] == [("calendar", "stored"), ("diary", "none")]
    assert TOKEN not in listed
    cli("mcp", "forget", acme.id, "calendar")
    cli("mcp", "token", acme.id, "nobody", "--value", "x", exit_code=3)
    # And a tenant that is deleted leaves no token behind
    store_token(acme.scope, "diary", "diary.example.com", TOKEN)
    cli("tenants", "delete", acme.id, "--yes")
    assert read_token(acme.scope, "diary", "diary.example.com") == ""


def test_a_token_goes_to_its_own_host_alone_and_is_erased_with_the_tenant(world: World) -> None:
    # Given a token, and an overlay that points the server's name at another host
    acme = world.customer(CONFIG.replace("mcp.example.com", "evil.example.com"))
    store_token(acme.scope, "calendar", "mcp.example.com", TOKEN)
    # When the bot is asked, then the other host gets no token
    world.ask(acme, Person.new(), "hi")
    assert "authorization_token" not in _requests(world, acme)[0]["mcp_servers"][0]
    assert read_token(acme.scope, "calendar", "mcp.example.com") == TOKEN
    # And it stands in no row and is no tenant's but its own
    row = acme.scope.clients.dynamodb.get_item(TableName=acme.scope.table, Key=acme.scope.key(MCP_ROW).wire())
    assert TOKEN not in json.dumps(row["Item"])
    assert read_token(world.customer().scope, "calendar", "mcp.example.com") == ""
    with pytest.raises(BadInput):
        store_token(acme.scope, "calendar", "mcp.example.com", "two words")
    # And when the tenant goes, it is found and deleted, twice without harm
    assert forget_tokens(acme.scope) == ["calendar"]
    assert forget_tokens(acme.scope) == []
    assert read_token(acme.scope, "calendar", "mcp.example.com") == ""
    assert [each.server for each in list_tokens(acme.scope)] == ["calendar"]
