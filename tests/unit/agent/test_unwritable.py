"""A model's answer that the table does not take: paid once, counted once, and the turn ends."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from manyclaw.agent import thinking
from manyclaw.agent.journal import Journal
from manyclaw.agent.loading import Loaded
from manyclaw.agent.model import Answer
from manyclaw.agent.opened import Opened
from manyclaw.agent.remembering import Recalling
from manyclaw.agent.texts import text
from manyclaw.aws import Clients, from_item
from manyclaw.billing import Tokens
from manyclaw.memory import MemoryRow, subject
from manyclaw.sessions import Transcript
from manyclaw.settings import Settings
from manyclaw.telegram import read_message
from manyclaw.tenancy import LoadedOverlay, TenantScope, parse_overlay, tenant_id
from manyclaw.tenancy.gateway import parse_gateway_config
from tests.unit.tenancy.test_documents import SEED

GATEWAY = parse_gateway_config((SEED / "config.yaml").read_text())
SETTINGS = Settings("manyclaw", "us-east-1", "t", "b", "", "", "", "")
MESSAGE = {
    "message_id": 5,
    "date": 1_763_798_400,
    "chat": {"id": 7, "type": "private"},
    "from": {"id": 7, "first_name": "Ann"},
    "text": "hi",
}
_ITEM = 409_600


class Table(Clients):
    """Takes every transaction but those with an item that is too large, which it refuses in the way of ``refusal``."""

    def __init__(self, refusal: str) -> None:
        super().__init__("us-east-1")
        self.refusal = refusal
        self.taken: list[list[dict[str, Any]]] = []

    @property
    def dynamodb(self) -> Any:
        return self

    def transact_write_items(self, TransactItems: list[dict[str, Any]]) -> None:  # noqa: N803
        large = [len(json.dumps(each, ensure_ascii=False).encode()) > _ITEM for each in TransactItems]
        if any(large):
            reasons = [{"Code": "ValidationError" if each else "None"} for each in large]
            refusal: Any = {"Error": {"Code": self.refusal, "Message": "Item size has exceeded the maximum"}}
            if self.refusal == "TransactionCanceledException":
                refusal["CancellationReasons"] = reasons
            raise ClientError(refusal, "TransactWriteItems")
        self.taken.append(TransactItems)


def _written(table: Table, name: str) -> list[str]:
    """The values that were written as ``:name``, in order."""
    updates = [item["Update"] for items in table.taken for item in items if "Update" in item]
    values = [from_item(update["ExpressionAttributeValues"]) for update in updates]
    return [str(each[f":{name}"]) for each in values if f":{name}" in each]


@pytest.mark.parametrize("refusal", ["ValidationException", "TransactionCanceledException"])
@pytest.mark.parametrize("last", [False, True])
def test_an_answer_that_is_too_large_is_settled_alone_and_ends_the_turn(
    monkeypatch: pytest.MonkeyPatch, refusal: str, last: bool
) -> None:
    # Given a model whose answer cannot be cut: a call with half a megabyte of arguments
    table = Table(refusal)
    scope = TenantScope(tenant_id("acme"), SETTINGS, table)
    use: dict[str, Any] = {"type": "tool_use", "id": "u", "name": "current_time", "input": {"zone": "x" * 500_000}}
    if last:
        use = {"type": "mcp_tool_use", "id": "m", "name": "find", "server_name": "crm", "input": use["input"]}
    result = {"type": "mcp_tool_result", "tool_use_id": "m", "content": []}
    content = [use, result, {"type": "text", "text": "Found."}] if last else [use]
    answer = Answer(content, "end_turn" if last else "tool_use", Tokens(input=10, output=5), "req", 15)
    asked: list[Any] = []

    def ask(*request: Any) -> Answer:
        asked.append(request)
        return answer

    monkeypatch.setattr(thinking, "ask", ask)

    # When the turn is run
    message = read_message({"update_id": 1, "message": MESSAGE})
    assert message is not None
    overlay = LoadedOverlay(parse_overlay("allowed_tools: [current_time]"), "")
    nothing = MemoryRow(subject("u7")), Recalling(None, scope.tenant)
    loaded = Loaded("active", None, GATEWAY, overlay, Transcript("7"), None, *nothing)
    opened = Opened(scope, Journal(scope, "7", "9-1"), loaded, message, cast("Any", None))
    runtime: Any = SimpleNamespace(settings=SETTINGS, clients=table, anthropic_key=lambda: "k", sleep=lambda _: None)
    record = thinking.Thinking(runtime, opened, lambda: 800.0, {}).run(None, "acme_bot")

    # Then the model was asked once, its cost is in the ledger once, and the user is told
    assert len(asked) == 1
    assert _written(table, "request_id") == ["req"]
    assert _written(table, "answered") == ["answered"]
    assert (record.state, record.parts, record.gave_up) == ("answered", (text("failed", "en"),), False)
    # And nothing of the answer is kept but the audit log's line of a call that a server has made
    told = [item["Put"]["Item"] for item in table.taken[-1] if "Put" in item]
    assert [json.loads(each["entry"]["S"])["on"] for each in told] == (["tool:find"] if last else [])
