"""A round over many logs: in any order, several at once, within its time, and no log at another's cost."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any, cast

import pytest

from functions.audit import app
from manyclaw.audit import Inbox, Round, SealingScopes, owners_in, record, seal, seal_and_ship, seal_part, texts
from manyclaw.audit.chain import waiting
from manyclaw.audit.sealing import ENTRIES_A_TRANSACTION, LONGEST_ENTRY, TRANSACTIONS_A_PART
from manyclaw.errors import Unavailable
from tests.unit.audit.fakes import Log

PART = ENTRIES_A_TRANSACTION * TRANSACTIONS_A_PART


class Scopes:
    """Opens logs in memory; a log named ``broken`` cannot be opened."""

    def __init__(self, *owners: str) -> None:
        self.logs = {owner: Log(owner) for owner in owners}

    def open(self, owner: str) -> Inbox:
        if owner == "broken":
            raise Unavailable("It is broken.")
        return self.logs[owner].inbox


def _round(scopes: Scopes, **more: Any) -> Round:
    return seal_and_ship(cast("SealingScopes", scopes), "bucket", [*scopes.logs, "broken"], **more)


def _fill(log: Log, count: int) -> None:
    for number in range(count):
        record(log.inbox, "sign_in", on=f"number:{number}")


def test_all_logs_are_sealed_and_shipped_and_one_that_fails_stops_no_other() -> None:
    scopes = Scopes(*(f"t{number}" for number in range(20)))
    for log in scopes.logs.values():
        _fill(log, 2)
    done = _round(scopes)
    assert done == Round((), (), {"broken": "Unavailable: It is broken."})
    assert all(len(log.objects) == 1 and not waiting(log.inbox) for log in scopes.logs.values())


def test_when_the_time_is_over_the_rest_is_told_and_nothing_of_it_touched() -> None:
    scopes = Scopes("acme", "globex")
    _fill(scopes.logs["acme"], 1)
    assert _round(scopes, seconds=-1) == Round(("acme", "broken", "globex"), (), {})
    assert waiting(scopes.logs["acme"].inbox) == 1


def test_a_log_that_is_filled_as_fast_as_it_is_sealed_is_shipped_and_ends() -> None:
    scopes = Scopes("busy", "quiet")
    busy = scopes.logs["busy"]
    _fill(busy, PART + 10)
    put = busy.clients.bucket.put_object

    def put_and_fill(**call: Any) -> None:
        put(**call)
        _fill(busy, PART)

    busy.clients.bucket.put_object = put_and_fill  # type: ignore[method-assign]
    assert _round(scopes).left == ("busy",)
    assert len(busy.objects) == 1
    assert _round(scopes, parts=3).left == ("busy",)
    assert len(busy.objects) == 4
    busy.clients.bucket.put_object = put  # type: ignore[method-assign]
    assert _round(scopes, parts=5).left == ()
    assert waiting(busy.inbox) == 0


def test_a_part_takes_so_many_transactions_and_says_what_is_left() -> None:
    log = Log()
    _fill(log, ENTRIES_A_TRANSACTION + 1)
    head, more = seal_part(log.inbox, 1)
    assert (head.seq, more) == (ENTRIES_A_TRANSACTION, True)
    head, more = seal_part(log.inbox, 1)
    assert (head.seq, more) == (ENTRIES_A_TRANSACTION + 1, False)


@pytest.mark.parametrize(
    "text",
    [
        '{"action": []}',
        '{"action": {}}',
        '{"action": null}',
        "[" * 100_000,
        '{"action":"sign_in","details":' + "[" * 9_000 + "]" * 9_000 + "}",
        '{"action":"sign_in","x":"' + "a" * 390_000 + '"}',
        '{"action":"sign_in","x":"' + "é" * (LONGEST_ENTRY // 2) + '"}',
        '{"action":"sign_in","x":' + "9" * 5_000 + "}",
    ],
)
def test_whatever_lies_in_an_inbox_is_sealed_and_small(text: str) -> None:
    log = Log()
    log.clients.table.put_item(Item={"pk": {"S": "acme#INBOX"}, "sk": {"S": "IN#0"}, "entry": {"S": text}})
    record(log.inbox, "sign_in")
    assert seal(log.inbox).seq == 2
    first, second = texts(log.inbox)
    assert json.loads(first)["action"] == "audit.unreadable"
    assert json.loads(second)["action"] == "sign_in"
    assert len(first) < LONGEST_ENTRY


def test_only_a_tenants_id_or_the_operator_is_a_log() -> None:
    owners = ("acme", "GATEWAY", "Acme", "a b", "", "a#b", "a" * 33, "*", "x/../y", "acme\n")
    records = [{"dynamodb": {"Keys": {"pk": {"S": f"{owner}#INBOX"}}}} for owner in owners]
    assert owners_in({"Records": records}) == ["GATEWAY", "acme"]


def _handle(monkeypatch: pytest.MonkeyPatch, done: Round, event: dict[str, Any]) -> dict[str, Any]:
    given: dict[str, Any] = {}

    def round_(*_: object, **more: Any) -> Round:
        given.update(more)
        return done

    monkeypatch.setattr(app, "settings", lambda: SimpleNamespace(region="us-east-1", audit_bucket="b"))
    monkeypatch.setattr(app, "_clients", lambda: None)
    monkeypatch.setattr(app, "_scopes", lambda: None)
    monkeypatch.setattr(app, "every_owner", lambda *_: ["acme", "globex"])
    monkeypatch.setattr(app, "seal_and_ship", round_)
    context = SimpleNamespace(get_remaining_time_in_millis=lambda: 300_000, aws_request_id="r", function_name="f")
    app.handler(event, context)
    return given


def test_the_night_counts_what_it_had_no_time_for_and_fails_for_what_failed(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    night = {"action": "nightly"}
    assert _handle(monkeypatch, Round((), (), {}), night) == {"seconds": 240.0, "parts": 50}
    assert "LogsUnchecked" not in caplog.messages
    _handle(monkeypatch, Round(("acme",), ("globex",), {}), night)
    assert "LogsUnchecked" in caplog.messages
    with pytest.raises(Unavailable, match="1 audit logs were not sealed: acme"):
        _handle(monkeypatch, Round((), (), {"acme": "X"}), night)


def test_a_streams_batch_comes_again_for_logs_that_were_not_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    batch = {"Records": [{"dynamodb": {"Keys": {"pk": {"S": "acme#INBOX"}}}}]}
    assert _handle(monkeypatch, Round((), ("acme",), {}), batch)["parts"] == 1
    with pytest.raises(Unavailable, match="acme"):
        _handle(monkeypatch, Round(("acme",), (), {}), batch)
