"""The nightly round over all memories, and what memories cost that nobody uses."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from manyclaw.aws import to_item
from manyclaw.memory import Job, load_memory_row, stored_bytes
from manyclaw.memory.written import WrittenMemories
from tests.integration.memories import admin, index, private, search, turn
from tests.integration.world import Customer, Person, World

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
    # When the next night comes, with half an hour around it
    world.aws("POST", "requests/reset")
    night()
    counted: dict[str, int] = world.until("the round", lambda: requests(world))
    world.pass_time(1_800)
    # Then the round has asked once for all tenants together, and nothing else was asked of AWS
    assert counted == requests(world) == {"dynamodb.Query": 1}


def requests(world: World) -> dict[str, int]:
    """All AWS requests since the last reset but the test's own on the schedule."""
    counts: dict[str, int] = world.aws("GET", "requests")["by_action"]
    return {action: count for action, count in counts.items() if not action.startswith("scheduler.")}
