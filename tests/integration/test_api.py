"""``/v1`` as a customer's program uses it: through the front door, the HTTP API and the deployed function."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from manyclaw.billing import Allowance, Call, Limits, Tokens, set_limits, usage_report
from manyclaw.tenancy import read_overlay
from tests.integration.spending import spend, spend_days
from tests.integration.world import Customer, Person, World

pytestmark = pytest.mark.integration

CLASSES = ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h")


class Api:
    """The API with one token."""

    def __init__(self, world: World, token: str) -> None:
        self.world = world
        self.token = token

    def __call__(self, path: str, method: str = "GET", body: bytes | None = None, **headers: str) -> Any:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        sent["Authorization"] = f"Bearer {self.token}"
        return self.world.request(method, f"{self.world.stack['front_door']}{path}", body, sent)

    def json(self, path: str) -> Any:
        response = self(path)
        assert response.status == 200, response.data
        return json.loads(response.data)


def token(world: World, tenant: str | None, *scopes: str) -> str:
    return world.operator.tokens.create(tenant, scopes or ("usage:read",), "test")[0]


def api(world: World, tenant: str | None, *scopes: str) -> Api:
    return Api(world, token(world, tenant, *scopes))


@pytest.fixture(scope="module")
def spender(shared_world: World) -> Customer:
    """A tenant with two months behind it."""
    customer = shared_world.customer()
    models = ("claude-haiku-4-5", "claude-sonnet-4-6")
    spend_days(customer.scope, shared_world.operator.gateway, 40, models=models, users=5)
    return customer


def test_the_api_tells_what_the_ledger_holds_to_the_last_digit(world: World) -> None:
    # Given a tenant whose bot has answered, and a call of known price
    acme, ann = world.customer(), Person.new()
    world.ask(acme, ann, "hello")
    golden = Tokens(3, 1_059, 73_030, 2_124, 0)
    call = Call("golden", 1, "claude-sonnet-4-6", "4711", "schedule", datetime.now(UTC))
    assert spend(acme.scope, world.operator.gateway, call, golden) == Decimal("0.045768")
    # When its owner asks the API in every way
    ask = api(world, acme.id)
    today = datetime.now(UTC).date()
    rows = [row for row in world.ledger(acme) if row.state == "settled"]
    for group_by, name in (("day", None), ("model", "model"), ("user", "user"), ("source", "source")):
        found = ask.json(f"/v1/tenants/{acme.id}/usage?from={today - timedelta(days=1)}&to={today}&group_by={group_by}")
        # Then totals and rows are the ledger's sums
        assert Decimal(found["totals"]["cost"]) == sum((row.cost_usd for row in rows), Decimal(0))
        assert found["totals"]["requests"] == len(rows)
        for each in CLASSES:
            assert found["totals"]["tokens"][each] == sum(getattr(row.tokens, each) for row in rows)
        for line in found["rows"]:
            own = [row for row in rows if (getattr(row, name) if name else row.began_at[:10]) == line["key"]]
            assert Decimal(line["cost"]) == sum((row.cost_usd for row in own), Decimal(0))
        assert sum(line["requests"] for line in found["rows"]) == len(rows)
    # and the CSV has the same rows
    text = ask(f"/v1/tenants/{acme.id}/usage.csv?from={today - timedelta(days=1)}&group_by=model")
    assert text.headers["Content-Type"].startswith("text/csv")
    lines = list(csv.DictReader(io.StringIO(text.data.decode())))
    assert sum((Decimal(line["cost_usd"]) for line in lines), Decimal(0)) == sum((r.cost_usd for r in rows), Decimal(0))
    sonnet = next(line for line in lines if line["model"] == "claude-sonnet-4-6")
    assert (sonnet["cost_usd"], sonnet["cache_read_tokens"]) == ("0.045768", "73030")


def test_rows_come_in_pages_and_each_once(world: World, spender: Customer) -> None:
    ask = api(world, spender.id)
    path = f"/v1/tenants/{spender.id}/usage?from={datetime.now(UTC).date() - timedelta(days=30)}&group_by=day"
    whole = ask.json(path)
    keys, cursor = [], ""
    while cursor is not None:
        page = ask.json(f"{path}&limit=7&cursor={cursor}")
        assert len(page["rows"]) <= 7
        assert page["totals"] == whole["totals"]
        keys += [row["key"] for row in page["rows"]]
        cursor = page["next_cursor"]
    assert keys == [row["key"] for row in whole["rows"]]
    assert len(keys) > 14
    assert ask(f"{path}&cursor=AAAA").status == 400


def test_the_quota_is_told_with_the_usage(world: World) -> None:
    acme = world.customer()
    limits = Limits(tenant=Allowance(tokens_per_day=1_000_000, cost_per_day_usd=Decimal("2.5")))
    set_limits(world.operator.table, acme.scope, limits)
    call = Call("one", 1, "claude-haiku-4-5", "1", "chat", datetime.now(UTC))
    spend(acme.scope, world.operator.gateway, call, Tokens(input=250_000))
    ask = api(world, acme.id)
    quota = {row["name"]: row for row in ask.json(f"/v1/tenants/{acme.id}/quota")["quota"]}
    assert quota["tokens_per_day"]["remaining"] == "750000"
    assert quota["cost_per_day_usd"] | {"resets_at": ""} == {
        "name": "cost_per_day_usd",
        "limit": "2.5",
        "used": "0.25",
        "reserved": "0",
        "remaining": "2.25",
        "resets_at": "",
    }
    assert quota["requests_per_minute"]["limit"] is None
    assert quota["tokens_per_day"]["resets_at"].endswith("T00:00:00Z")
    assert {row["name"] for row in ask.json(f"/v1/tenants/{acme.id}/usage")["quota"]} == set(quota)


def _fixed(headers: Any) -> dict[str, str]:
    """An answer's headers without those that differ from one moment to the next."""
    moving = ("date", "server-timing", "apigw-requestid", "x-amzn-requestid")
    return {name.lower(): value for name, value in headers.items() if name.lower() not in moving}


def _requests(world: World, ask: Api, tenant: str) -> dict[str, int]:
    """The AWS requests that asking for a tenant's usage made, by service and action, as often as not disturbed."""
    seen = []
    for _ in range(5):
        world.aws("POST", "requests/reset")
        ask(f"/v1/tenants/{tenant}/usage")
        seen.append(dict(world.aws("GET", "requests")["by_action"]))
    return min(seen, key=lambda counts: sum(counts.values()))


def test_another_tenant_and_one_that_is_not_there_are_answered_alike(world: World, spender: Customer) -> None:
    acme = world.customer()
    ask = api(world, acme.id, "usage:read", "config:write")
    rest = ("", "/usage", "/usage.csv", "/quota", "/config", "/cron", "/cron/daily", "/cron/daily/runs", "/nothing")
    for path in (*rest, "/usage?from=nonsense", "/usage?group_by=user&limit=0"):
        there, nowhere = ask(f"/v1/tenants/{spender.id}{path}"), ask(f"/v1/tenants/t-0000000000{path}")
        # Then status, headers and body are the same, byte for byte, but for the id that was asked for and the clock
        assert there.status == nowhere.status == 404
        assert len(spender.id) == len("t-0000000000")
        assert there.data.replace(spender.id.encode(), b"X") == nowhere.data.replace(b"t-0000000000", b"X")
        assert _fixed(there.headers) == _fixed(nowhere.headers)
    # nor does one cost a request to the table that the other does not
    assert _requests(world, ask, spender.id) == _requests(world, ask, "t-0000000000")
    put = {"If_None_Match": "*", "Content_Type": "application/yaml"}
    assert ask(f"/v1/tenants/{spender.id}/config", "PUT", b"model: claude-haiku-4-5\n", **put).status == 404
    assert ask("/v1/operator/tenants").status == 403
    # and an operator's token is told the same of one that is not there
    by_operator = api(world, None)("/v1/tenants/t-0000000000")
    assert by_operator.data == ask("/v1/tenants/t-0000000000").data


def test_a_token_reaches_what_its_scopes_say(world: World) -> None:
    acme = world.customer()
    reader, writer = api(world, acme.id), api(world, acme.id, "config:write")
    assert reader(f"/v1/tenants/{acme.id}/config").status == 403
    assert writer(f"/v1/tenants/{acme.id}/usage").status == 403
    assert reader.json(f"/v1/tenants/{acme.id}")["bot"]["username"] == acme.username
    (first, second) = world.operator.tokens.of(acme.id)
    assert first.last_used
    world.operator.tokens.revoke(acme.id, first.id)
    assert reader(f"/v1/tenants/{acme.id}").status == 401
    assert writer(f"/v1/tenants/{acme.id}").status == 200
    assert second.scopes == ("config:write",)


def test_two_editors_of_a_configuration_do_not_overwrite_each_other(world: World) -> None:
    acme, ann = world.customer(), Person.new()
    ask, path = api(world, acme.id, "config:write"), f"/v1/tenants/{acme.id}/config"
    read = ask(path)
    etag, text = read.headers["ETag"], read.data
    yaml = {"Content_Type": "application/yaml"}
    # Given that one has changed it
    saved = ask(path, "PUT", text + b"greeting: Welcome to the API.\n", If_Match=etag, **yaml)
    assert saved.status == 204
    assert saved.headers["ETag"] == ask(path).headers["ETag"] != etag
    # Then the other, who read it before, is told so, and so is who does not say what is replaced
    assert ask(path, "PUT", text + b"greeting: x\n", If_Match=etag, **yaml).status == 412
    assert ask(path, "PUT", text + b"greeting: x\n", If_None_Match="*", **yaml).status == 412
    assert ask(path, "PUT", text, **yaml).status == 428
    # and what is wrong is refused with its line
    refused = ask(path, "PUT", b"\nmodle: x\n", If_Match=saved.headers["ETag"], **yaml)
    assert refused.status == 400
    assert json.loads(refused.data)["errors"][0]["line"] == 2
    assert ask(path, "PUT", b"\xff\xfe", If_Match=saved.headers["ETag"], **yaml).status == 400
    # and the change is in force
    assert world.ask(acme, ann, "/start") == "Welcome to the API."
    stored = read_overlay(acme.scope)
    assert stored is not None
    assert stored.etag == saved.headers["ETag"]


def test_an_operator_sees_all_tenants_in_pages(world: World, spender: Customer) -> None:
    ask = api(world, None)
    found: dict[str, Any] = {}
    cursor: str | None = ""
    while cursor is not None:
        page = ask.json(f"/v1/operator/usage?limit=20&cursor={cursor}")
        found |= {row["tenant"]: row for row in page["tenants"]}
        cursor = page["next_cursor"]
    today = datetime.now(UTC).date()
    own = usage_report(spender.scope, today.replace(day=1), today)
    assert Decimal(found[spender.id]["cost"]) == own.total.cost_usd
    listed = ask.json("/v1/operator/tenants?limit=1000")["tenants"]
    assert {row["tenant"] for row in listed} >= set(found)
    assert ask.json(f"/v1/tenants/{spender.id}/usage")["totals"]["cost"] == found[spender.id]["cost"]


def test_failed_tries_are_slowed_down_and_shut_nobody_else_out(world: World) -> None:
    victim, other = world.customer(), world.customer()
    good, known = api(world, other.id), api(world, victim.id)
    assert known(f"/v1/tenants/{victim.id}").status == 200
    wrong = Api(world, f"tk_{victim.id}_" + "0" * 32)

    def throttled() -> Any:
        response = wrong(f"/v1/tenants/{victim.id}")
        assert response.status in (401, 429)
        return response if response.status == 429 else None

    response = world.until("the brake", throttled, 20)
    assert 1 <= int(response.headers["Retry-After"]) <= 60
    assert good(f"/v1/tenants/{other.id}").status == 200
    assert known(f"/v1/tenants/{victim.id}").status == 200


def test_deleting_a_tenant_ends_its_tokens(world: World) -> None:
    acme = world.customer()
    ask = api(world, acme.id)
    assert ask(f"/v1/tenants/{acme.id}").status == 200
    world.operator.tokens.revoke_all(acme.id)
    assert ask(f"/v1/tenants/{acme.id}").status == 401


def test_a_month_of_usage_is_read_quickly(world: World, spender: Customer, measured: Callable[[str], None]) -> None:
    """By the handler's own clock, for 31 days. The bound leaves room for a busy machine; the figure is printed."""
    ask = api(world, spender.id)
    today = datetime.now(UTC).date()
    path = f"/v1/tenants/{spender.id}/usage?from={today - timedelta(days=30)}&to={today}"
    ask.json(path)
    times = sorted(float(ask(path).headers["Server-Timing"].removeprefix("app;dur=")) for _ in range(60))
    measured(f"usage of 31 days in the handler: median {times[30]:.0f} ms, p95 {times[56]:.0f} ms")
    assert times[30] < 500
