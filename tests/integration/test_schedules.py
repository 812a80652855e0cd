"""Jobs and reminders on the running stack: each due time is one run and one message, whatever dies or comes twice."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from manyclaw.schedules import (
    JobBook,
    due_text,
    load_job,
    open_reminders,
    page_of_runs,
    parts_of,
    run_now,
)
from manyclaw.schedules.timetable import found_schedule
from tests.integration.jobs import at_rest, closed, daily, deliver, got, met, now
from tests.integration.test_api import api, token
from tests.integration.world import Person, World

pytestmark = pytest.mark.integration

REMINDERS = "allowed_tools: [reminder_set, reminder_list, reminder_cancel]\n"


# ---------------------------------------------------------------------------------------------- reminders
def test_a_reminder_is_set_by_talking_and_comes_once(world: World) -> None:
    # Given a person who asks for a reminder, and is told the absolute time
    acme, ann = world.customer(REMINDERS), Person.new()
    said = world.ask(acme, ann, "remind me in two minutes to call Ann")
    (reminder,) = open_reminders(acme.scope, str(ann.id))
    assert reminder.when in said
    assert reminder.text == "call Ann"
    # When it is due
    world.pass_time(125)
    # Then it comes, is in the ledger, and is gone with its schedule
    world.until("the reminder", lambda: "⏰ call Ann" in world.answers(acme, ann.id))
    world.until("it to be gone", lambda: load_job(acme.scope, reminder.job) is None)
    at_rest(world)
    assert world.answers(acme, ann.id).count("⏰ call Ann") == 1
    assert found_schedule(acme.scope, reminder.job) is None
    (run,), _ = page_of_runs(acme.scope, reminder.job)
    assert (run.outcome, run.calls) == ("done", 0)
    # And the conversation knows of it
    world.ask(acme, ann, "thanks")
    assert "⏰ call Ann" in json.dumps(world.model_calls(acme)[-1]["request"]["messages"], ensure_ascii=False)


def test_a_tool_that_runs_twice_sets_one_reminder(world: World) -> None:
    # Given a turn that is killed after its tool has set the reminder, before the result is journalled
    acme, ann = world.customer(REMINDERS), Person.new()
    hold = {"service": "dynamodb", "action": "TransactWriteItems", "match": "tool_result"}
    world.aws("POST", "hold", hold)
    world.say(acme, ann, "remind me in 90 minutes to call Ann")
    world.until("the request to be held", lambda: world.aws("GET", "held")["held"] > 0)
    assert world.kill_agents() >= 1
    world.pass_time(25)
    world.aws("POST", "release", {"drop": True})
    # Then the next attempt finds it set
    world.until("the answer", lambda: world.answers(acme, ann.id))
    assert len(open_reminders(acme.scope, str(ann.id))) == 1


def test_the_time_zone_is_asked_once_and_kept(world: World) -> None:
    acme, ann = world.customer(REMINDERS), Person.new()
    year = now().year + 1
    first = f'use tool reminder_set {{"text": "tea", "at": "{year}-07-01T09:00"}}'
    assert "time zone is not known" in world.ask(acme, ann, first)
    zoned = f'use tool reminder_set {{"text": "tea", "at": "{year}-07-01T09:00", "zone": "Europe/Berlin"}}'
    assert f"{year}-07-01 07:00 UTC" in world.ask(acme, ann, zoned)
    again = f'use tool reminder_set {{"text": "cake", "at": "{year}-12-01T09:00"}}'
    assert f"{year}-12-01 08:00 UTC" in world.ask(acme, ann, again)
    # And each person sees and cancels only their own
    tea = open_reminders(acme.scope, str(ann.id))[0]
    bob = Person.new("Bob")
    cancel = f'use tool reminder_cancel {{"id": "{tea.job}"}}'
    assert "There is no reminder" in world.ask(acme, bob, cancel)
    assert "Cancelled" in world.ask(acme, ann, cancel)
    assert found_schedule(acme.scope, tea.job) is None


# ---------------------------------------------------------------------------------------------- jobs
def test_the_scheduler_fires_a_job_in_its_zone_once(world: World) -> None:
    # Given a job for a time of day in Tokyo, two minutes from the stack's now
    acme, ann = met(world, "Ann")
    stack_now = datetime.fromtimestamp(world.aws("GET", "clock")["now"], UTC)
    due = (stack_now + timedelta(minutes=2)).replace(second=0, microsecond=0)
    tokyo = due + timedelta(hours=9)
    when = f"cron({tokyo.minute} {tokyo.hour} {tokyo.day} {tokyo.month} ? {tokyo.year})"
    daily(acme, ann, when=when, zone="Asia/Tokyo", late_minutes=1440)
    # When the time comes
    world.pass_time(125)
    # Then it is run once, by the tenant's model, and the ledger equals the bill
    run = closed(world, acme, due_text(due))
    (row,) = world.ledger(acme)
    assert (run.outcome, run.calls, run.cost_usd, row.source) == ("done", 1, row.cost_usd, "schedule")
    assert len(got(world, acme, ann)) == 1
    assert parts_of(acme.scope, "daily", run.due)[0].message_ids != ()
    world.check_books(acme)


def test_a_due_time_that_is_delivered_three_times_is_run_once(world: World) -> None:
    acme, ann, bob = met(world, "Ann", "Bob")
    daily(acme, ann, bob)
    due = deliver(world, acme, now(), times=3)
    run = closed(world, acme, due)
    deliver(world, acme, datetime.fromisoformat(due), times=2)
    at_rest(world)
    assert (run.outcome, run.parts, run.calls) == ("done", 2, 2)
    assert [len(got(world, acme, each)) for each in (ann, bob)] == [1, 1]
    world.check_books(acme)


def test_killed_during_the_models_call(world: World) -> None:
    acme, ann = met(world, "Ann")
    daily(acme, ann)
    world.model("POST", "faults", {"times": 1, "hold": True})
    due = deliver(world, acme, now())
    world.until("the model to be asked", lambda: world.model_calls(acme))
    assert world.kill_agents() >= 1
    world.pass_time(25)
    world.model("POST", "release")
    assert closed(world, acme, due).outcome == "done"
    assert len(got(world, acme, ann)) == 1
    world.check_books(acme, unsettled=1)


@pytest.mark.parametrize("match", ["RUN#daily", "PART#daily", "answered"])
@pytest.mark.parametrize("after", [False, True])
def test_killed_at_each_write_of_a_run(world: World, match: str, after: bool) -> None:
    # Given a run whose process dies before or after the claim, the answer, or the ledger's line
    acme, ann = met(world, "Ann")
    daily(acme, ann)
    hold = {"service": "dynamodb", "action": "TransactWriteItems", "match": match, "after": after}
    world.aws("POST", "hold", hold)
    due = deliver(world, acme, now())
    world.until("the request to be held", lambda: world.aws("GET", "held")["held"] > 0)
    assert world.kill_agents() >= 1
    world.pass_time(25)
    world.aws("POST", "release", {"drop": True})
    # Then it is run once all the same
    run = closed(world, acme, due)
    assert (run.outcome, run.parts) == ("done", 1)
    assert len(got(world, acme, ann)) == 1


def test_what_is_not_run_says_why(world: World) -> None:
    acme, ann = met(world, "Ann")
    book = daily(acme, ann, late_minutes=5)
    late = closed(world, acme, deliver(world, acme, now() - timedelta(minutes=30)))
    assert (late.outcome, late.reason) == ("skipped", "it was 30 minutes late; 5 are allowed")
    world.operator.registry.suspend(acme.id)
    suspended = closed(world, acme, deliver(world, acme, now() - timedelta(seconds=60)))
    assert (suspended.outcome, suspended.reason) == ("skipped", "the tenant is suspended")
    world.operator.registry.resume(acme.id)
    book.disable("daily")
    off = closed(world, acme, deliver(world, acme, now() - timedelta(seconds=30)))
    assert off.reason == "the job is switched off"
    book.remove("daily")
    run_now(world.operator.stage.clients, world.operator.stage.settings, acme.id, "daily")
    world.until("the ledger's line", lambda: "no such job" in str(page_of_runs(acme.scope, "daily")))
    assert got(world, acme, ann) == []
    assert world.model_calls(acme) == []


def test_a_day_that_is_paid_out_runs_no_more(world: World) -> None:
    acme, ann = met(world, "Ann")
    daily(acme, ann, budget_day_usd="0.000001", budget_run_usd="0.5")
    assert closed(world, acme, deliver(world, acme, now())).outcome == "done"
    second = closed(world, acme, deliver(world, acme, now() + timedelta(seconds=2)))
    assert "budget" in second.reason
    assert len(world.model_calls(acme)) == 1


def test_a_chat_that_blocked_the_bot_pauses_the_job_and_its_owner_hears_once(world: World) -> None:
    # Given a job for somebody who blocked the bot
    ann, owner = Person.new(), Person.new("Olga")
    acme = world.customer(f"owners: [{owner.id}]\n")
    world.ask(acme, owner, "hello")
    book = daily(acme, ann, kind="text", prompt="news", pause_after=2)
    world.telegram("POST", "block", {"bot": acme.username, "chat_id": ann.id})
    # When it fails twice
    first = closed(world, acme, deliver(world, acme, now(), times=2))
    second = closed(world, acme, deliver(world, acme, now() + timedelta(seconds=1), times=2))
    # Then the ledger says why, the job is off, its schedule gone, and the owner has heard of it once
    assert [first.outcome, second.outcome] == ["failed", "failed"]
    assert "blocked" in second.reason
    world.until("the notice", lambda: len(world.answers(acme, owner.id)) == 2)
    at_rest(world)
    job = book.get("daily")
    assert (job.spec.enabled, job.notice_due, found_schedule(acme.scope, "daily")) == (False, False, None)
    assert "2 runs in a row failed" in world.answers(acme, owner.id)[1]
    assert len(world.answers(acme, owner.id)) == 2


# ---------------------------------------------------------------------------------------------- presets
def test_the_digest_is_switched_on_in_the_chat_and_run_now(world: World) -> None:
    acme, ann, bob = world.customer("time_zone: Europe/Berlin\n"), Person.new(), Person.new("Bob")
    world.ask(acme, ann, "we meet on Monday")
    world.ask(acme, bob, "hello")
    assert "This chat gets the digest" in world.ask(acme, ann, "/digest on")
    assert "no digest" in world.ask(acme, bob, "/digest off")
    job = JobBook(acme.scope).get("friday-digest")
    assert (job.spec.enabled, job.spec.zone) == (True, "Europe/Berlin")
    asked = len(world.model_calls(acme))
    due = run_now(world.operator.stage.clients, world.operator.stage.settings, acme.id, "friday-digest")
    assert closed(world, acme, due, "friday-digest").outcome == "done"
    assert len(world.answers(acme, ann.id)) == 3
    assert len(world.answers(acme, bob.id)) == 2
    (digest,) = world.model_calls(acme)[asked:]
    assert "we meet on Monday" in json.dumps(digest["request"]["messages"])


# ---------------------------------------------------------------------------------------------- API and dashboard
def test_the_api_switches_a_preset_on_and_runs_it(world: World) -> None:
    acme, ann = world.customer(), Person.new()
    world.ask(acme, ann, "hello")
    ask = api(world, acme.id, "cron:write")
    path = f"/v1/tenants/{acme.id}/cron"
    assert [each["job"] for each in ask.json(path)["jobs"]] == ["daily-brief", "friday-digest", "memory-tidy"]
    switched = ask(f"{path}/friday-digest", "PUT", b'{"enabled": true}')
    assert (switched.status, json.loads(switched.data)["values"]["enabled"]) == (200, True)
    assert found_schedule(acme.scope, "friday-digest") is not None
    queued = ask(f"{path}/friday-digest/runs", "POST")
    assert queued.status == 202, queued.data
    again = ask(f"{path}/friday-digest/runs", "POST")
    assert (again.status, "less than a minute" in again.data.decode()) == (409, True)
    run = closed(world, acme, json.loads(queued.data)["due"], "friday-digest")
    (told,) = ask.json(f"{path}/friday-digest/runs")["runs"]
    assert (told["outcome"], told["cost"], told["calls"]) == ("done", format(run.cost_usd, "f"), 1)
    assert len(world.answers(acme, ann.id)) == 2
    wrong = ask(f"{path}/menu", "PUT", b'{"prompt": "x", "when": "cron(0 9 * * *)"}')
    assert wrong.status == 400
    assert "has 5 fields" in wrong.data.decode()
    stranger = ask(f"{path}/menu", "PUT", b'{"prompt": "x", "when": "rate(1 day)", "chats": ["5"]}')
    assert (stranger.status, "does not know these chats: 5" in stranger.data.decode()) == (400, True)
    assert api(world, acme.id, "usage:read")(path).status == 403
    assert api(world, world.customer().id, "cron:write")(path).status == 404
    assert ask(f"{path}/friday-digest", "DELETE").status == 204
    assert found_schedule(acme.scope, "friday-digest") is None


def test_the_dashboards_switch(world: World) -> None:
    # Given an owner who is signed in
    acme, ann = world.customer(), Person.new()
    world.ask(acme, ann, "hello")
    door = f"{world.stack['front_door']}/dashboard"
    form = {"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"}
    secret = token(world, acme.id, "usage:read", "cron:write")
    signed = world.http.request("POST", f"{door}/sign-in", body=f"token={secret}", headers=form, redirect=False)
    cookie = signed.headers["Set-Cookie"].partition(";")[0]
    page_path = f"{door}/t/{acme.id}/schedules"
    page = world.http.request("GET", page_path, headers={"Cookie": cookie}).data.decode()
    csrf = page.partition('name="csrf" value="')[2].partition('"')[0]
    assert "Switch on" in page

    # When they switch the digest on and run it
    def press(what: str, csrf: str = csrf) -> int:
        body = f"csrf={csrf}&do={what}"
        headers = {**form, "Cookie": cookie}
        url = f"{page_path}/friday-digest"
        return int(world.http.request("POST", url, body=body, headers=headers, redirect=False).status)

    assert press("on", csrf="x") == 401
    assert [press("on"), press("run")] == [303, 303]
    # Then it is read in the chat, and the page shows the run
    world.until("the digest", lambda: len(world.answers(acme, ann.id)) == 2)
    at_rest(world)
    page = world.http.request("GET", page_path, headers={"Cookie": cookie}).data.decode()
    assert "Switch off" in page
    assert '<td class="last">done' in page
