"""The books after a bad day: ledger = counters = API = CSV = what the model server served, to the token.

``MANYCLAW_TEST_TURNS`` says how many turns; 100 unless it is set; 2,000 take some ten minutes.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import random
import signal
from collections import Counter, defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from manyclaw.aws import transact
from manyclaw.billing import (
    Call,
    LedgerRow,
    Settlement,
    Tokens,
    Usage,
    begin,
    from_csv,
    read_report,
    report,
    settle,
    to_csv,
    usage_report,
    verify_books,
)
from tests.integration.test_api import api
from tests.integration.world import Customer, Person, World
from tests.integration.world import tokens as tokens_of

pytestmark = pytest.mark.integration

TURNS = int(os.environ.get("MANYCLAW_TEST_TURNS", "100"))
AT_ONCE = 50
MODELS = ("claude-haiku-4-5", "claude-sonnet-4-6", "claude-haiku-5-5", "claude-sonnet-5-5", "claude-opus-5-5")
SAYINGS = ("tell me a story {n}", "repeat 40 words {n}", "what time is it in Asia/Tokyo", "what did I say", "long 900")


def _customers(world: World) -> list[Customer]:
    tools = "allowed_tools: [current_time]\n"
    return [
        world.customer(tools + f"cache_ttl: {'1h' if n % 3 == 0 else '5m'}", model=MODELS[n % len(MODELS)])
        for n in range(10)
    ]


def _harm(world: World, dice: random.Random) -> None:
    """A few calls of the next turns are refused, or break off in the middle."""
    for fault in ({"status": 529}, {"status": 500}, {"drop_after_events": 4}, {"error_event": "overloaded_error"}):
        world.model("POST", "faults", {**fault, "times": dice.randint(1, 2)})
    world.model("POST", "latency", {"seconds": dice.choice([0, 0, 0.05])})


def _kill_some(world: World, most: int = 3) -> None:
    """SIGKILL a few of the agents that are at work; the others go on."""
    working = world.until("agents at work", world.agents)
    for worker in working[:most]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(worker["pid"], signal.SIGKILL)


def _turn(world: World, customer: Customer, person: Person, number: int, dice: random.Random) -> None:
    """A person writes, and now and then Telegram repeats the update."""
    sent = world.say(customer, person, dice.choice(SAYINGS).format(n=number))
    if dice.random() < 0.1:
        world.repeat(customer, int(sent["update_id"]))


def _a_bad_day(world: World, customers: list[Customer], dice: random.Random) -> None:
    people = {customer.id: [Person.new(f"P{n}") for n in range(4)] for customer in customers}
    expected: Counter[tuple[str, int]] = Counter()
    answers = Answers(world)
    for start in range(0, TURNS, AT_ONCE):
        _harm(world, dice)
        turns = []
        for number in range(start, min(start + AT_ONCE, TURNS)):
            customer = dice.choice(customers)
            person = dice.choice(people[customer.id])
            expected[customer.username, person.id] += 1
            turns.append((world, customer, person, number, random.Random(dice.random())))
        with ThreadPoolExecutor(10) as pool:
            sent = [pool.submit(_turn, *turn) for turn in turns]
            if start % (2 * AT_ONCE) == 0:
                _kill_some(world)
            for each in sent:
                each.result()
        world.until(f"the answers of turns {start} to {start + AT_ONCE}", lambda: answers.reach(expected), 120)


class Answers:
    """How many messages each chat got from its bot, read from where the last look ended."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._seen = max((call["n"] for call in world.telegram("GET", "log?since=0")), default=0)
        self._sent: Counter[tuple[str, int]] = Counter()

    def reach(self, expected: Counter[tuple[str, int]]) -> bool:
        """Whether every chat has its answers; if not and nobody is at work, time passes until the queue tries again."""
        for call in self._world.telegram("GET", f"log?since={self._seen}"):
            self._seen = max(self._seen, call["n"])
            if call["method"] == "sendMessage" and call["status"] == 200:
                self._sent[call["bot"], int(call["params"]["chat_id"])] += 1
        if all(self._sent[chat] >= count for chat, count in expected.items()):
            return True
        _let_time_pass(self._world)
        return False


def _let_time_pass(world: World) -> None:
    """A message whose process died before its first heartbeat is held for an hour and a half: skip that."""
    if not world.agents():
        world.pass_time(600)


def test_after_many_turns_at_random_all_books_agree(world: World, measured: Callable[[str], None]) -> None:
    # Given ten tenants with different models, and turns at random with faults, repeats and killed processes
    dice = random.Random(20261122)
    customers = _customers(world)
    first_call = max((call["n"] for call in world.model("GET", "log")), default=0)
    _a_bad_day(world, customers, dice)
    world.heal()
    world.until("the agents to come to rest", lambda: not world.agents(), 120)
    # Then each tenant's settled rows are what was served, call by call, and what is missing is listed as open
    served = _served(world, customers, first_call)
    open_calls, ledgers = 0, {}
    for customer in customers:
        rows = world.ledger(customer)
        settled = {row.request_id: row for row in rows if row.state == "settled"}
        mine = served[customer.id]
        assert len(settled) == sum(row.state == "settled" for row in rows), "a call was settled twice"
        assert {name: row.tokens for name, row in settled.items()} == {name: mine[name] for name in settled}
        begun = [row for row in rows if row.state == "begun"]
        assert len(mine.keys() - settled.keys()) <= len(begun), "a served call is neither settled nor open"
        open_calls += len(begun)
        ledgers[customer.id] = [row for row in rows if row.state == "settled"]
    with ThreadPoolExecutor(5) as pool:
        list(pool.map(lambda each: _agree(world, each, ledgers[each.id]), customers))
    # And a verification of the whole finds nothing but those open calls, with a CSV as the night writes it
    today = datetime.now(UTC).date()
    since = today - timedelta(days=1)
    scopes = [customer.scope for customer in customers]
    files = {str(day): to_csv(report(scopes, day, day)) for day in (since, today)}
    found = verify_books(
        scopes,
        world.operator.gateway,
        lambda day: files[str(day)],
        since,
        today,
        datetime.now(UTC) + timedelta(days=2),
    )
    assert found.differences == []
    assert len(found.open_calls) == open_calls
    assert found.total.requests == sum(map(len, ledgers.values()))
    assert found.total.requests >= TURNS
    outcome = f"{found.rows} rows, {found.refused} refused, {open_calls} open, {found.total.cost_usd} USD"
    measured(f"the books agree after {TURNS} turns: {outcome}")


def _served(world: World, customers: list[Customer], after: int) -> dict[str, dict[str, Tokens]]:
    """By tenant: the calls that were served whole, by request id."""
    found: dict[str, dict[str, Tokens]] = defaultdict(dict)
    for call in world.model("GET", f"log?since={after}"):
        if not call["completed"] or call["status"] != 200:
            continue
        system = json.dumps(call["request"].get("system", ""))
        tenant = next((customer.id for customer in customers if customer.marker in system), "")
        found[tenant][call["request_id"]] = tokens_of(call["usage"])
    return found


def _agree(world: World, customer: Customer, rows: list[LedgerRow]) -> None:
    """Counters and API have the ledger's sums in every grouping: requests, tool calls, each class, cost."""
    today = datetime.now(UTC).date()
    since = today - timedelta(days=1)
    ask, path = api(world, customer.id), f"/v1/tenants/{customer.id}/usage"
    groups: dict[Any, Callable[[LedgerRow], str]] = {
        "day": lambda row: row.began_at[:10],
        "user": lambda row: row.user,
        "model": lambda row: row.model,
        "source": lambda row: row.source,
    }
    for group_by, name in groups.items():
        sums: dict[str, Usage] = defaultdict(Usage)
        for row in rows:
            sums[name(row)] += Usage(1, row.tool_calls, row.tokens, row.cost_usd)
        counted = usage_report(customer.scope, since, today, group_by)
        assert {group.name: group.usage for group in counted.groups} == sums
        assert counted.total == sum(sums.values(), Usage())
        told = ask.json(f"{path}?from={since}&to={today}&group_by={group_by}")
        assert {row["key"]: _told(row) for row in told["rows"]} == sums
        assert _told(told["totals"]) == counted.total
        lines = csv.DictReader(
            io.StringIO(ask(f"{path}.csv?from={since}&to={today}&group_by={group_by}").data.decode())
        )
        assert {line[group_by]: Usage.of({**line, group_by: ""}) for line in lines} == sums


def _told(amounts: dict[str, Any]) -> Usage:
    """What the API says was used."""
    classes = {name: count for name, count in amounts["tokens"].items() if name != "total"}
    return Usage(amounts["requests"], amounts["tool_calls"], Tokens(**classes), Decimal(amounts["cost"]))


def test_the_night_writes_the_same_bytes_again(world: World) -> None:
    # Given two tenants that used something yesterday, one of them deleted since
    yesterday = datetime.now(UTC) - timedelta(days=1)
    kept, gone = world.customer(), world.customer()
    for customer, output in ((kept, 100), (gone, 7)):
        _plant(world, customer, yesterday, Tokens(input=3, output=output, cache_read=73_030, cache_write_5m=2_124))
    world.operator.registry.mark_deleting(gone.scope.tenant)
    world.operator.registry.forget(gone.scope.tenant, {})
    # When the night's function runs twice
    first = _nightly(world, yesterday.date())
    stored = _csv(world, yesterday.date())
    second = _nightly(world, yesterday.date())
    # Then both have their row, and the second run changed no byte
    rows = {tenant: usage for (_, tenant, _), usage in from_csv(stored).items()}
    assert (rows[kept.id].tokens.output, rows[gone.id].tokens.output) == (100, 7)
    assert rows[kept.id].cost_usd == Decimal("0.010461")
    assert (first["rows"], second) == (second["rows"], {**first, "changed": False})
    assert _csv(world, yesterday.date()) == stored
    assert stored.splitlines()[0].startswith("date,tenant,model,requests,tool_calls,input_tokens,output_tokens,")


def _plant(world: World, customer: Customer, began_at: datetime, tokens: Tokens) -> None:
    call = Call(f"planted-{customer.id}", 1, "claude-haiku-4-5", "1", "chat", began_at)
    rates = world.operator.gateway.rates(call.model, call.day)
    dynamodb = customer.scope.clients.dynamodb
    transact(dynamodb, [begin(customer.scope, call)])
    done = Settlement(tokens, rates, f"req_{customer.id}", "end_turn", 0)
    transact(dynamodb, settle(customer.scope, call, done, began_at))


def _nightly(world: World, day: date) -> dict[str, Any]:
    answer = world.operator.stage.clients.get("lambda").invoke(
        FunctionName=world.stack["outputs"]["NightlyFunctionName"], Payload=json.dumps({"days": [str(day)]}).encode()
    )
    assert not answer.get("FunctionError"), answer["Payload"].read()
    (written,) = json.loads(answer["Payload"].read())["days"]
    return dict(written)


def _csv(world: World, day: date) -> str:
    stage = world.operator.stage
    stored = read_report(stage.clients.s3, stage.settings.bucket, day)
    assert stored
    return stored.text
