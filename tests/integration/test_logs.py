"""A stack that has been through failures, and the files that it logs to: no secret in any of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from manyclaw.aws import Clients, Credentials
from manyclaw.mcp import store_token
from manyclaw.tenancy import TELEGRAM_WEBHOOK_SECRET, get_secret
from tests.integration.test_api import token
from tests.integration.world import Person, World

pytestmark = pytest.mark.integration

MCP_TOKEN = "mcp-log-test-0123456789abcdef"


def test_no_log_of_the_stack_holds_a_secret(world: World) -> None:
    # Given a tenant with every kind of secret
    acme = world.customer(
        "mcp_servers: [{name: cal, url: 'https://down.example.com/'}]\nallowed_tools: [mcp__cal__find]\n"
    )
    store_token(acme.scope, "cal", "down.example.com", MCP_TOKEN)
    api_token = token(world, acme.id)
    secret = get_secret(acme.scope, TELEGRAM_WEBHOOK_SECRET) or ""
    secrets = {
        "bot token": acme.token,
        "webhook secret": secret,
        "MCP token": MCP_TOKEN,
        "API token": api_token,
        "operator's key": world.stack["operator"]["secret_access_key"],
    }
    # When Telegram, the model, an MCP server and a stranger fail with them in hand
    world.telegram("POST", "faults", {"method": "sendMessage", "bot": acme.username, "drop": True})
    world.model("POST", "faults", {"status": 500, "contains": acme.marker})
    world.ask(acme, Person.new(), f"my secret is {acme.token}")
    url = f"{world.stack['front_door']}/telegram/{acme.id}"
    headers = {"X-Telegram-Bot-Api-Secret-Token": secret}
    assert world.request("POST", url, b"{", headers).status == 400
    assert world.request("POST", url, b"{}", {"X-Telegram-Bot-Api-Secret-Token": f"{secret}x"}).status == 401
    bearer = {"Authorization": f"Bearer {api_token}"}
    assert world.request("GET", f"{world.stack['front_door']}/v1/tenants/nobody-here", None, bearer).status == 404
    # And a function meets what nobody foresaw
    broken = json.dumps({"Records": [{"messageId": acme.token}]}).encode()
    name = world.stack["outputs"]["AgentFunctionName"]
    root = Clients(world.stack["region"], Credentials("test", "test"), world.stack["aws_endpoint"])
    answer = root.get("lambda").invoke(FunctionName=name, Payload=broken)
    assert json.loads(answer["Payload"].read())["errorMessage"] == "KeyError"
    # Then what it logged is there, and no secret is
    logs = Path(world.stack["logs"])
    world.until("the log", lambda: '"unexpected"' in (logs / f"{name}.log").read_text())
    for path in logs.iterdir():
        text = path.read_text(errors="replace")
        assert not [kind for kind, value in secrets.items() if value in text], path
    assert "mcp failed" in (logs / f"{name}.log").read_text()
