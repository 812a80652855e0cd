"""The nightly round over all memories, and what memories cost that nobody uses."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from manyclaw.aws import to_item
from manyclaw.memory import Job, load_memory_row, stored_bytes
from manyclaw.memory.written import WrittenMemories
from tests.integration.memories import OwnMemory, admin, index, private, search, turn
from tests.integration.world import Customer, Person, World
from tests.unit.memory.fakes import WordsEmbedder

pytestmark = pytest.mark.integration

IDLE = 47


@pytest.fixture
def night(world: World) -> Iterator[Any]:
    """Lets the night begin: the round's own schedule, brought forward to the next minute of the stack's clock, which is
    moved there. To move it by hours would make other tests' schedules due."""
    scheduler = admin(world).get("scheduler")
    found = scheduler.get_schedule(Name=f"{world.stack['stack_name']}-memory-nightly")
    kept = {name: found[name] for name in ("Name", "ScheduleExpression", "FlexibleTimeWindow", "Target")}
    assert kept["ScheduleExpression"] == "cron(20 3 * * ? *)"

    def begin() -> None:
        now = world.aws("GET", "clock")["now"]
        due = math.ceil(now / 60 + 0.1) * 60
        at = datetime.fromtimestamp(due, UTC)
        scheduler.update_schedule(**{**kept, "ScheduleExpression": f"cron({at.minute} {at.hour} * * ? *)"})
        world.pass_time(due - now)

    yield begin
    scheduler.update_schedule(**kept)


def written(world: World) -> list[tuple[Any, Any]]:
    """All memories that were written to since their last optimization."""
    return WrittenMemories(world.operator.stage.settings, admin(world)).all()


def small_files(acme: Customer, ann: Person) -> int:
    prefix = acme.scope.object_key(f"memory/{private(ann)}/")
    found = acme.scope.clients.s3.list_objects_v2(Bucket=acme.scope.bucket, Prefix=prefix)
    return len(found["Contents"])


def test_at_night_what_was_written_since_is_optimized(world: World, night: Any) -> None:
    # Given two people's memories in single writes, and a memory of a tenant that is gone
    acme, ann, bob = world.customer(), Person.new("Ann"), Person.new("Bob")
    for number in range(3):
        index(world, acme, private(ann), turn(ann, number, f"parcel{number} arrived"))
    index(world, acme, private(bob), turn(bob, 9, "green tea"))
    mine = {(acme.scope.tenant, private(ann)), (acme.scope.tenant, private(bob))}
    gone = (Job("optimize", world.operator.scopes.open("long-gone").tenant, private(ann)).tenant, private(ann))
    WrittenMemories(world.operator.stage.settings, admin(world)).note(*gone)
    assert mine | {gone} <= set(written(world))
    before = small_files(acme, ann)
    # When it is night
    night()
    # Then all of them are optimized, and nothing is lost
    world.until("an empty list", lambda: not (mine | {gone}) & set(written(world)))
    assert load_memory_row(acme.scope, private(ann)).unoptimized == 0
    assert small_files(acme, ann) < before
    assert stored_bytes(acme.scope, private(ann)).old == 0
    assert len(search(world, acme, private(ann), "arrived")) == 3
    assert not load_memory_row(world.operator.scopes.open("long-gone"), private(ann)).turns


@pytest.fixture
def idle(world: World) -> Iterator[list[str]]:
    """Tenants of whom only the rows are there that a night looks at: the registry's, and their memories'."""
    dynamodb, table = admin(world).dynamodb, world.operator.stage.settings.table
    names = [f"idle-{number}" for number in range(IDLE)]
    for name in names:
        now = datetime.now(UTC).isoformat()
        world.operator.table.put(
            f"TENANT#{name}", {"tenant": name, "status": "active", "created_at": now, "updated_at": now}
        )
        row = {"pk": name, "sk": "MEMORY#u1", "turns": 500, "unoptimized": 0, "generation": 1_700_000_000_000}
        dynamodb.put_item(TableName=table, Item=to_item(row))
    yield names
    for name in names:
        world.operator.table.delete(f"TENANT#{name}")
        dynamodb.delete_item(TableName=table, Key=to_item({"pk": name, "sk": "MEMORY#u1"}))


def test_memories_of_47_tenants_cost_one_query_a_night_while_nobody_uses_them(
    world: World, night: Any, idle: list[str]
) -> None:
    # Given a deployment in which the last night has optimized everything
    if written(world):
        night()
        world.until("an empty list", lambda: not written(world))
    assert len(idle) == IDLE
    settled(world)
    # When the next night comes, with half an hour around it
    world.aws("POST", "requests/reset")
    began = time.monotonic()
    night()
    world.until("the round", lambda: "dynamodb.Query" in requests(world))
    world.pass_time(1_800)
    # Then nothing but queries was asked of AWS, no more than those of the relay of real bots, which looks for new
    # pairings every three seconds, and one
    counted = settled(world)
    assert set(counted) == {"dynamodb.Query"}
    assert counted["dynamodb.Query"] <= 1 + math.ceil((time.monotonic() - began) / 3)
    # And that one, asked in this process to tell it from the relay's, is all that the round asks for all tenants
    own, asked = OwnMemory.on(world, WordsEmbedder()), list[str]()
    own.clients.dynamodb.meta.events.register("before-call", lambda model, **_: asked.append(model.name))
    own.clients.sts.meta.events.register("before-call", lambda model, **_: asked.append(model.name))
    assert own.nightly() == 0
    assert asked == ["Query"]


def requests(world: World) -> dict[str, int]:
    """All AWS requests since the last reset but the test's own on the schedule."""
    counts: dict[str, int] = world.aws("GET", "requests")["by_action"]
    return {action: count for action, count in counts.items() if not action.startswith("scheduler.")}


def settled(world: World) -> dict[str, int]:
    """The requests since the last reset, once half a second has brought no further one; the relay asks every three."""
    seen, since = requests(world), time.monotonic()

    def quiet() -> bool:
        nonlocal seen, since
        now = requests(world)
        if now != seen:
            seen, since = now, time.monotonic()
        return time.monotonic() - since > 0.5

    world.until("the stack to be quiet", quiet)
    return seen
