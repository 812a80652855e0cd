"""Jobs that call a tool: no model, no cost, one message; and memory put in order by one."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from manyclaw.agent import tool_names
from manyclaw.memory import load_memory_row, save_fact, subject_of
from manyclaw.schedules import JobBook, Run, load_run, parts_of, run_now
from manyclaw.skills import install, read_folder
from manyclaw.tenancy import save_overlay
from tests.integration.jobs import FAR, at_rest, closed, daily, deliver, got, met, now
from tests.integration.test_cli import Cli
from tests.integration.test_cli import cli as cli
from tests.integration.world import Customer, World
from tests.skills import EXAMPLES, bundle

pytestmark = pytest.mark.integration

WISH = {"venue": "Acme Grill", "day": "2026-11-24", "time": "19:30", "guests": 2, "name": "Ann"}


def _allow(world: World, acme: Customer, *names: str) -> None:
    config = f"system_prompt: You are the assistant of {acme.marker}.\nallowed_tools: {json.dumps(names)}\n"
    save_overlay(acme.scope, config, world.operator.gateway, world.operator.tools_of(acme.scope))


def _free(run: Run) -> tuple[str, int, Any]:
    return run.outcome, run.calls, run.cost_usd


def test_a_skills_tool_is_called_once_for_each_due_time(world: World, cli: Cli) -> None:
    # Given a job that books a table, made by the command
    acme, ann = met(world, "Ann")
    install(acme.scope, read_folder(EXAMPLES / "restaurant-bookings"), tool_names())
    make = ("cron", "add", acme.id, "daily", "--when", FAR, "--chats", str(ann.id), "--tool", "book_table")
    assert "may not call a tool 'book_table'" in cli(*make, exit_code=2).stderr
    _allow(world, acme, "book_table")
    cli(*make, "--args", json.dumps(WISH))
    asked = len(world.model_calls(acme))
    # When it is due, its message comes three times, and the agent dies before it has noted the tool's answer
    world.aws("POST", "hold", {"service": "dynamodb", "action": "TransactWriteItems", "match": "tool_result"})
    due = deliver(world, acme, now(), times=3)
    world.until("the request to be held", lambda: world.aws("GET", "held")["held"] > 0)
    assert world.kill_agents() >= 1
    world.pass_time(25)
    world.aws("POST", "release", {"drop": True})
    # Then one table is booked and told, no model was asked, and it cost nothing
    assert _free(closed(world, acme, due)) == ("done", 0, 0)
    (told,) = got(world, acme, ann)
    assert "Booked, number 101" in told
    # And the next due time books another
    assert _free(closed(world, acme, deliver(world, acme, now() + timedelta(seconds=2)))) == ("done", 0, 0)
    assert "Booked, number 102" in got(world, acme, ann)[1]
    assert len(world.model_calls(acme)) == asked
    # But not once the owner has taken the right away
    _allow(world, acme)
    refused = closed(world, acme, deliver(world, acme, now() + timedelta(seconds=4)))
    assert refused.outcome == "failed"
    assert "allowed_tools does not name it" in refused.reason
    at_rest(world)
    assert len(got(world, acme, ann)) == 2


def test_a_tool_that_fails_is_tried_again_and_pauses_its_job(world: World) -> None:
    acme, ann = met(world, "Ann")
    install(acme.scope, bundle("raise ToolError('The till is closed.')"), tool_names())
    _allow(world, acme, "probe")
    book = daily(acme, ann, kind="tool", prompt="", tool="probe", pause_after=1)
    due = deliver(world, acme, now())

    def ended() -> Run | None:
        if not world.agents():
            world.pass_time(100)
        run = load_run(acme.scope, "daily", due)
        return run if run and run.outcome != "running" else None

    run = world.until("the run to be closed", ended)
    assert (run.outcome, run.cost_usd) == ("failed", 0)
    assert "The till is closed." in run.reason
    assert "The till is closed." in parts_of(acme.scope, "daily", due)[0].error
    world.until("the pause", lambda: not book.get("daily").spec.enabled)
    assert got(world, acme, ann) == []


def test_memory_is_put_in_order_and_what_goes_is_said(world: World) -> None:
    # Given a chat for which two facts say the same
    acme, ann = met(world, "Ann")
    world.ask(acme, ann, "hello")
    whose = subject_of(ann.id, private=True)
    for fact in ("Ann drinks tea", "Ann has a dog", "ann drinks  tea."):
        save_fact(acme.scope, whose, fact, "2026-11-22")
    asked, stage = len(world.model_calls(acme)), world.operator.stage
    # When memory is tidied, twice
    due = run_now(stage.clients, stage.settings, acme.id, "memory-tidy")
    assert _free(closed(world, acme, due, "memory-tidy")) == ("done", 0, 0)
    JobBook(acme.scope).enable("memory-tidy")
    again = deliver(world, acme, now() + timedelta(seconds=5), job="memory-tidy")
    assert _free(closed(world, acme, again, "memory-tidy")) == ("done", 0, 0)
    # Then one of the two is gone, the chat is told which, and only when something went
    assert [fact.text for fact in load_memory_row(acme.scope, whose).facts] == ["Ann has a dog", "ann drinks tea."]
    told = got(world, acme, ann)[1:]
    assert len(told) == 1
    assert "2 are left" in told[0]
    assert "Ann drinks tea" in told[0]
    assert len(world.model_calls(acme)) == asked
