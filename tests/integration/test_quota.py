"""Limits hold however many turns run at once; who has to hear of them hears once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from manyclaw.billing import Allowance, Limits, Quota, quota_status, set_limits
from tests.integration.world import Customer, Person, World

pytestmark = pytest.mark.integration


def _limit(world: World, customer: Customer, **allowed: Any) -> None:
    user = Allowance(**allowed.pop("user", {}))
    warn_at = allowed.pop("warn_at", (80, 100))
    set_limits(world.operator.table, customer.scope, Limits(Allowance(**allowed), user, warn_at))


def _quota(customer: Customer, name: str = "tokens_per_day", user: str = "") -> Quota:
    return {each.name: each for each in quota_status(customer.scope, datetime.now(UTC), user)}[name]


def _a_turns_tokens(world: World, customer: Customer) -> tuple[int, int]:
    """What a turn of ``_write`` uses, and what it reserves: read while the model holds it."""
    _limit(world, customer, tokens_per_day=10**9)
    before, calls = _quota(customer).used, len(world.model_calls(customer))
    world.model("POST", "faults", {"times": 1, "hold": True})
    person = Person.new("Pat")
    _write(world, customer, person)
    world.until("the model to be asked", lambda: len(world.model_calls(customer)) > calls)
    reserved = int(_quota(customer).reserved)
    world.model("POST", "release")
    world.until("the answer", lambda: world.answers(customer, person.id))
    return int(_quota(customer).used - before), reserved


def _write(world: World, customer: Customer, person: Person) -> None:
    world.say(customer, person, "tell me about the weather")


@pytest.mark.parametrize("name", ["tokens_per_day", "cost_per_day_usd"])
def test_of_fifty_turns_at_once_seven_run_where_there_is_room_for_seven(world: World, name: str) -> None:
    # Given a limit that seven turns fit into, one after the other, and an eighth does not
    acme = world.customer("max_tokens: 300")
    used, reserved = _a_turns_tokens(world, acme)
    assert 0 < used < reserved
    room: Any = used * 7 + reserved
    if name == "cost_per_day_usd":
        (call,) = world.ledger(acme)
        worst = Decimal(reserved - 300) * Decimal("1.25") / 10**6 + Decimal(300) * 5 / 10**6
        room = call.cost_usd * 7 + worst
    _limit(world, acme, **{name: room})
    # When fifty people write at once
    people = [Person.new("Pat") for _ in range(50)]
    with ThreadPoolExecutor(25) as pool:
        list(pool.map(lambda person: _write(world, acme, person), people))
    world.until("fifty answers", lambda: all(world.answers(acme, person.id) for person in people), 90)
    # Then seven were answered by the model, and all others told when to come again
    told = [person for person in people if "reached its limit" in world.answers(acme, person.id)[0]]
    assert len(told) == 43
    assert len(world.model_calls(acme)) == 8
    world.check_books(acme)
    quota = _quota(acme, name)
    assert quota.reserved == 0
    assert quota.used <= room


def test_of_fifty_turns_at_once_a_minutes_limit_lets_seven_run(world: World) -> None:
    acme = world.customer()
    _limit(world, acme, requests_per_minute=7)
    people = [Person.new() for _ in range(50)]
    begun = datetime.now(UTC).replace(second=0, microsecond=0)
    with ThreadPoolExecutor(25) as pool:
        list(pool.map(lambda person: _write(world, acme, person), people))
    world.until("fifty answers", lambda: all(world.answers(acme, person.id) for person in people), 90)
    minutes = {row.began_at[:16] for row in world.ledger(acme)} | {f"{begun:%Y-%m-%dT%H:%M}"}
    assert len(world.model_calls(acme)) <= 7 * len(minutes)
    assert len(minutes) > 1 or len(world.model_calls(acme)) == 7
    world.check_books(acme)


def test_the_user_hears_once_a_day_and_the_owner_at_each_threshold(world: World) -> None:
    # Given a bot whose owner is known, and a limit that one more turn brings past a threshold
    owner = Person.new("Olga")
    acme = world.customer(f"max_tokens: 300\nowners: [{owner.id}]\nlanguage: de\ntime_zone: Europe/Berlin")
    world.say(acme, owner, "/start")  # who has never written to a bot cannot be written to
    world.until("an answer", lambda: world.answers(acme, owner.id))
    _, reserved = _a_turns_tokens(world, acme)
    limit = int(_quota(acme).used) + reserved
    _limit(world, acme, tokens_per_day=limit, warn_at=(10, 100))
    said = len(world.answers(acme, owner.id))
    # When one more turn runs
    ann = Person.new()
    world.ask(acme, ann, "tell me about the weather")
    # Then the owner has heard of the threshold
    world.until("a warning", lambda: len(world.answers(acme, owner.id)) > said)
    assert "% des heutigen Limits" in world.answers(acme, owner.id)[-1]
    # When the user goes on, there is no room: one notice with the reset time, and silence after that
    assert "Limit für heute erreicht" in world.ask(acme, ann, "tell me about the weather")
    assert "CE" in world.answers(acme, ann.id)[-1]
    world.until("the owner to hear", lambda: "ist erreicht" in world.answers(acme, owner.id)[-1])
    before = len(world.answers(acme, ann.id))
    _write(world, acme, ann)
    other = Person.new("Oth")
    assert "Limit für heute erreicht" in world.ask(acme, other, "hello")
    assert len(world.answers(acme, ann.id)) == before
    assert len(world.answers(acme, owner.id)) == said + 2
    world.check_books(acme)


def test_each_user_has_a_limit_of_its_own(world: World) -> None:
    acme, ann, bob = world.customer("max_tokens: 300"), Person.new(), Person.new("Bob")
    _limit(world, acme, user={"requests_per_minute": 0})
    assert "faster than I may answer" in world.ask(acme, ann, "hello")
    _limit(world, acme, user={"tokens_per_day": 1200})
    answers = [world.ask(acme, ann, "hello there")]
    while "your limit for today" not in answers[-1]:
        answers.append(world.ask(acme, ann, "hello there"))
        assert len(answers) < 20
    assert len(answers) > 1
    assert "hello bob" in world.ask(acme, bob, "hello bob")
    assert _quota(acme, "user_tokens_per_day", str(ann.id)).used <= 1200
    assert _quota(acme, "user_tokens_per_day", str(bob.id)).used > 0
    world.check_books(acme)


def test_the_reservation_of_a_dead_attempt_is_taken_over_by_the_next(world: World) -> None:
    # Given a turn whose process is killed during its model call
    acme, ann = world.customer(), Person.new()
    _limit(world, acme, tokens_per_day=10**6)
    world.model("POST", "faults", {"times": 1, "hold": True})
    world.say(acme, ann, "hello")
    world.until("the model to be asked", lambda: world.model_calls(acme))
    assert _quota(acme).reserved > 0
    assert world.kill_agents() >= 1
    world.pass_time(25)
    world.model("POST", "release")
    # Then the next attempt answers, and nothing stays reserved
    world.until("the answer", lambda: world.answers(acme, ann.id))
    world.check_books(acme, unsettled=1)
    assert _quota(acme).reserved == 0


def test_a_call_that_was_refused_gives_its_reservation_back(world: World) -> None:
    acme, ann = world.customer(), Person.new()
    _limit(world, acme, tokens_per_day=10**6)
    world.model("POST", "faults", {"times": 1, "status": 400})
    world.say(acme, ann, "hello")
    world.until("an apology", lambda: world.answers(acme, ann.id))
    assert (_quota(acme).reserved, _quota(acme).used) == (0, 0)
    world.check_books(acme, refused=1)
