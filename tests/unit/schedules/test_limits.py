"""What keeps one tenant's schedules from crowding out the others', and input that is out of range."""

from __future__ import annotations

import operator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from manyclaw.aws import Clients, from_item
from manyclaw.errors import BadInput, Conflict
from manyclaw.schedules import (
    DayIsFull,
    Job,
    JobBook,
    JobSpec,
    claim_by_hand,
    claim_run,
    page_of_runs,
    set_reminder,
    subscribe,
)
from manyclaw.schedules.runs import MOST_DELIVERIES
from manyclaw.schedules.store import insert_job
from manyclaw.settings import Settings
from manyclaw.tenancy import TenantScope, tenant_id

SETTINGS = Settings("manyclaw", "us-east-1", "t", "b", "", "", "", "")
_SIGNS = {"<=": operator.le, "<>": operator.ne}


class Table(Clients):
    """Rows by key, with the conditions that limits use: nothing there, or one comparison."""

    def __init__(self) -> None:
        super().__init__("us-east-1")
        self.rows: dict[tuple[str, str], dict[str, Any]] = {}

    @property
    def dynamodb(self) -> Any:
        return self

    def _holds(self, call: dict[str, Any]) -> bool:
        row = self.rows.get(_key(call), {})
        for each in call["ConditionExpression"].split(" OR ") if "ConditionExpression" in call else ():
            if each.startswith("attribute_not_exists"):
                if each[21:-1] not in row:
                    return True
                continue
            name, sign, value = each.split()
            name = call.get("ExpressionAttributeNames", {}).get(name, name)
            if name in row and _SIGNS[sign](row[name], from_item(call["ExpressionAttributeValues"])[value]):
                return True
        return "ConditionExpression" not in call

    def _write(self, call: dict[str, Any]) -> None:
        if "Item" in call:
            self.rows[_key(call)] = from_item(call["Item"])
        else:
            row = self.rows.setdefault(_key(call), {})
            row["deliveries"] = row.get("deliveries", 0) + from_item(call["ExpressionAttributeValues"])[":count"]

    def put_item(self, **call: Any) -> dict[str, Any]:
        if not self._holds(call):
            raise ClientError({"Error": {"Code": "ConditionalCheckFailedException"}}, "PutItem")
        self._write(call)
        return {}

    def transact_write_items(self, TransactItems: list[dict[str, Any]]) -> None:  # noqa: N803
        calls = [next(iter(item.values())) for item in TransactItems]
        reasons = [{"Code": "None" if self._holds(call) else "ConditionalCheckFailed"} for call in calls]
        if {"Code": "ConditionalCheckFailed"} in reasons:
            refusal: Any = {"Error": {"Code": "TransactionCanceledException"}, "CancellationReasons": reasons}
            raise ClientError(refusal, "TransactWriteItems")
        for call in calls:
            self._write(call)

    def entries(self) -> list[tuple[str, str]]:
        return [key for key in self.rows if "INBOX" in key[0]]


def _key(call: dict[str, Any]) -> tuple[str, str]:
    key = call.get("Item") or call["Key"]
    return key["pk"]["S"], key["sk"]["S"]


@pytest.fixture
def scope() -> TenantScope:
    return TenantScope(tenant_id("acme"), SETTINGS, Table())


def _table(scope: TenantScope) -> Table:
    assert isinstance(scope.clients, Table)
    return scope.clients


def test_a_days_runs_go_to_so_many_chats(scope: TenantScope) -> None:
    # Given a tenant whose jobs have gone to all chats but 500 that they may today
    chats = tuple(str(number) for number in range(1_000))
    for number in range(MOST_DELIVERIES // 1_000 - 1):
        assert claim_run(scope, f"job-{number}", "2026-11-22T09:00:00Z", chats)
    assert claim_run(scope, "half", "2026-11-22T09:00:00Z", chats[:500])
    # When a run would go past it, it is not claimed, and another that fits is
    with pytest.raises(DayIsFull, match="20000 times a day"):
        claim_run(scope, "more", "2026-11-22T09:00:00Z", chats, by_hand=True)
    assert not any(sk.startswith("RUN#more") for _, sk in _table(scope).rows)
    assert claim_run(scope, "fits", "2026-11-22T09:00:00Z", chats[:500])
    # Then a run that was claimed is still known as such, and a reminder comes all the same
    assert not claim_run(scope, "fits", "2026-11-22T09:00:00Z", chats[:500])
    assert claim_run(scope, "r-7-0123456789", "2026-11-22T09:00:00Z", ("7",))


def test_by_hand_a_job_runs_once_a_minute(scope: TenantScope) -> None:
    claim_by_hand(scope, "daily")
    claim_by_hand(scope, "weekly")
    with pytest.raises(Conflict, match="less than a minute ago"):
        claim_by_hand(scope, "daily")
    (row,) = [row for row in _table(scope).rows.values() if row["sk"] == "HAND#daily#"]
    row["at"] -= 60
    claim_by_hand(scope, "daily")


def test_the_same_wish_again_is_no_change(scope: TenantScope) -> None:
    told = []
    for wants in (True, True, False, False, True):
        subscribe(scope, "friday-digest", "7", wants=wants)
        told.append(len(_table(scope).entries()))
    assert told == [1, 1, 2, 2, 3]


def test_only_the_operator_names_chats_that_the_bot_does_not_know(
    scope: TenantScope, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("manyclaw.schedules.book.known_chats", lambda _: ["5"])
    values: dict[str, Any] = {"prompt": "x", "when": "rate(1 day)", "enabled": False}
    strict = JobBook(scope, known_only=True)
    strict._check_chats(Job("a", JobSpec(**values, chats=("5",))), ())
    strict._check_chats(Job("a", JobSpec(**values, chats=("5", "6"))), ("6",))
    strict._check_chats(Job("a", JobSpec(**values, chats="active")), "subscribed")
    job = Job("a", JobSpec(**values, chats=("5", "6")))
    with pytest.raises(BadInput, match="does not know these chats: 6"):
        strict._check_chats(job, ("5",))
    JobBook(scope)._check_chats(job, ())
    assert insert_job(scope, job)


@pytest.mark.parametrize("minutes", [10**12, 10**400, 3 * 366 * 24 * 60 + 1, -(10**12)])
def test_a_reminder_beyond_the_calendar_is_refused(
    scope: TenantScope, monkeypatch: pytest.MonkeyPatch, minutes: int
) -> None:
    monkeypatch.setattr("manyclaw.schedules.reminders.load_job", lambda *_: None)
    monkeypatch.setattr("manyclaw.schedules.reminders.user_zone", lambda *_: "")
    with pytest.raises(BadInput):
        set_reminder(scope, "7", "7", "call Ann", "t/c", minutes=minutes)


@pytest.mark.parametrize("cursor", ["~", " ", "9999", "2026-11-22T09:00:00Z#", "٢026-11-22T09:00:00Z"])
def test_a_cursor_that_no_page_gave_is_refused(scope: TenantScope, cursor: str) -> None:
    with pytest.raises(BadInput, match="is no cursor"):
        page_of_runs(scope, "daily", cursor=cursor)
