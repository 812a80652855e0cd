"""Walls around schedules, and drift between jobs and schedules."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from manyclaw.aws import Clients, Credentials
from manyclaw.schedules import JobBook, follow, page_of_runs, remove_schedule, set_reminder, sync_tenant
from manyclaw.schedules.timetable import found_schedule
from tests.integration.jobs import FAR, daily, deliver, now
from tests.integration.test_cli import Cli
from tests.integration.test_cli import cli as cli
from tests.integration.world import Customer, Person, World

pytestmark = pytest.mark.integration


# ---------------------------------------------------------------------------------------------- walls and drift
def test_a_session_reaches_its_own_schedules_only(world: World) -> None:
    acme, globex = world.customer(), world.customer()
    daily(acme, Person.new())
    daily(globex, Person.new())
    client = acme.scope.clients.get("scheduler")
    group = acme.scope.schedule_group
    assert client.get_schedule(Name=f"{acme.id}.daily", GroupName=group)["State"] == "ENABLED"
    for call in (client.get_schedule, client.delete_schedule):
        with pytest.raises(ClientError, match="AccessDenied"):
            call(Name=f"{globex.id}.daily", GroupName=group)
    longer = f"{acme.id}-b.daily"
    with pytest.raises(ClientError, match="AccessDenied"):
        client.get_schedule(Name=longer, GroupName=group)


def test_drift_is_found_and_repaired(world: World) -> None:
    acme = world.customer()
    book = daily(acme, Person.new())
    book.add("weekly", {"prompt": "x", "when": "rate(7 days)", "chats": ["5"]})
    book.add("off", {"prompt": "x", "when": "rate(7 days)", "chats": ["5"], "enabled": False})
    remove_schedule(acme.scope, "daily")
    weekly = book.get("weekly")
    follow(acme.scope, replace(weekly, version=9))
    off = book.get("off")
    spec = off.spec.model_copy(update={"enabled": True})
    follow(acme.scope, replace(off, spec=spec))
    kinds = {each.job: each.kind for each in sync_tenant(acme.scope)}
    assert kinds == {"daily": "missing", "weekly": "differs", "off": "left over"}
    assert list(sync_tenant(acme.scope)) == []


def test_a_deleted_tenants_schedule_removes_itself(world: World) -> None:
    # Given a reminder whose tenant is half deleted when it fires
    acme, ann = world.customer(), Person.new()
    made = set_reminder(acme.scope, str(ann.id), str(ann.id), "call", "x", minutes=10)
    world.operator.registry.mark_deleting(world.operator.registry.get(acme.id).tenant)
    deliver(world, acme, now(), job=made.job)
    world.until("its schedule to go", lambda: found_schedule(acme.scope, made.job) is None)
    assert page_of_runs(acme.scope, made.job)[0] == []


def _break(world: World, acme: Customer) -> str:
    """Take a job's schedule away, leave a schedule without a job, and one of a tenant that is gone; gives its name."""
    remove_schedule(acme.scope, "daily")
    follow(acme.scope, replace(JobBook(acme.scope).get("daily"), job="ghost"))
    gone = f"gone-{acme.id}.daily"[:60]
    client = _admin(world)
    arguments = {"Name": gone, "GroupName": acme.scope.schedule_group, "ScheduleExpression": FAR}
    target = {"Arn": acme.scope.deployment_arn("sqs", "inbound.fifo"), "Input": "{}"}
    target["RoleArn"] = acme.scope.deployment_arn("iam", "role/scheduler")
    client.create_schedule(**arguments, FlexibleTimeWindow={"Mode": "OFF"}, Target=target)
    return gone


def _admin(world: World) -> Any:
    clients = Clients(world.stack["region"], Credentials("test", "test"), world.stack["aws_endpoint"])
    return clients.get("scheduler")


def test_the_night_repairs_what_drifted(world: World, cli: Cli) -> None:
    # Given a tenant with a job, whose schedules somebody has spoilt
    acme = world.customer()
    daily(acme, Person.new())
    gone = _break(world, acme)

    def names() -> set[str]:
        pages = _admin(world).get_paginator("list_schedules").paginate(GroupName=acme.scope.schedule_group)
        return {each["Name"] for page in pages for each in page["Schedules"] if acme.id in each["Name"]}

    assert names() == {f"{acme.id}.ghost", gone}
    # When the night comes: in two minutes, as a clock that is a day ahead would spoil other tests' reminders
    with _sync_in_two_minutes(world):
        world.pass_time(125)
        # Then its schedules are what its jobs say, and nothing is left over
        world.until("the repair", lambda: names() == {f"{acme.id}.daily"})
    assert list(sync_tenant(acme.scope)) == []
    # And the command tells what it repairs
    follow(acme.scope, replace(JobBook(acme.scope).get("daily"), job="ghost"))
    remove_schedule(acme.scope, "daily")
    shown = cli("cron", "sync", "--tenant", acme.id, "--json").stdout
    assert {(each["job"], each["kind"]) for each in json.loads(shown)["drift"]} == {
        ("daily", "missing"),
        ("ghost", "job gone"),
    }
    assert names() == {f"{acme.id}.daily"}


@contextmanager
def _sync_in_two_minutes(world: World) -> Iterator[None]:
    """The deployment's own nightly schedule, for another time of day."""
    client, name = _admin(world), f"{world.stack['stack_name']}-sync"
    own = {key: value for key, value in client.get_schedule(Name=name).items() if key in _CHANGEABLE}
    due = datetime.fromtimestamp(world.aws("GET", "clock")["now"], UTC) + timedelta(minutes=2)
    client.update_schedule(Name=name, **{**own, "ScheduleExpression": f"cron({due.minute} {due.hour} * * ? *)"})
    try:
        yield
    finally:
        client.update_schedule(Name=name, **own)


_CHANGEABLE = ("ScheduleExpression", "ScheduleExpressionTimezone", "FlexibleTimeWindow", "Target", "State")
