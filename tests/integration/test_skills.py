"""Tenants' own code on the running stack: it works, it harms nobody else, and it is never run twice."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from manyclaw.agent import tool_names
from manyclaw.aws import Clients, Credentials, error_code
from manyclaw.errors import BadInput, Conflict, NotFound
from manyclaw.skills import (
    Bundle,
    Caller,
    ToolAnswer,
    find,
    forget_secrets,
    install,
    load_index,
    read_folder,
    remove,
    set_secret,
)
from manyclaw.tenancy import InvalidDocument, get_secret, save_overlay
from tests.integration.world import Customer, Person, World
from tests.skills import EXAMPLES, HOSTILE, bundle, skill_md

pytestmark = pytest.mark.integration


def _give(world: World, to: Customer, *skills: Bundle) -> None:
    """Install skills and allow all their tools."""
    names = []
    for skill in skills:
        names += [tool.name for tool in install(to.scope, skill, tool_names()).tools]
    config = f"system_prompt: You are the assistant of {to.marker}.\nallowed_tools: {json.dumps(names)}\n"
    save_overlay(to.scope, config, world.operator.gateway, world.operator.tools_of(to.scope))


def _call(world: World, of: Customer, tool: str = "probe", call: str = "c", **arguments: Any) -> ToolAnswer:
    stage = world.operator.stage
    skill = next(each for each in load_index(of.scope).skills if tool in [own.name for own in each.tools])
    return Caller(stage.clients, stage.settings, time.sleep).call(of.scope, skill, tool, arguments, call)


def test_a_booking_by_chat_is_kept_for_the_tenant_and_no_other(world: World) -> None:
    # Given two tenants with the same skill
    acme, globex = world.customer(), world.customer()
    for each in (acme, globex):
        _give(world, each, read_folder(EXAMPLES / "restaurant-bookings"))
    ann = Person.new()
    wish = {"venue": "Acme Grill", "day": "2026-11-24", "time": "19:30", "guests": 12, "name": "Ann"}
    # When a guest of the one books
    booked = world.ask(acme, ann, f"use tool book_table {json.dumps(wish)}")
    # Then the seats are taken there and free here
    assert "book_table says: Booked, number 101" in booked
    day = json.dumps({"venue": "grill", "day": "2026-11-24"})
    assert "19:30 (12)" in world.ask(acme, ann, f"use tool check_calendar {day}")
    assert "19:30 (24)" in world.ask(globex, ann, f"use tool check_calendar {day}")
    # And each had a process of its own
    name = world.stack["outputs"]["SkillsFunctionName"]
    workers = [each for each in world.aws("GET", "workers") if each["function"] == name]
    assert {acme.id, globex.id} <= {each["tenant"] for each in workers}
    world.check_books(acme)


def test_the_model_is_told_of_skills_and_reads_them_on_demand(world: World) -> None:
    acme = world.customer()
    _give(world, acme, read_folder(EXAMPLES / "restaurant-bookings"))
    ann = Person.new()
    answer = world.ask(acme, ann, 'use tool read_skill {"name": "restaurant-bookings"}')
    assert "Parties of more than 12" in answer
    request = world.model_calls(acme)[0]["request"]
    system = request["system"][0]["text"]
    assert "- restaurant-bookings: Finds a restaurant" in system
    assert "Parties of more than 12" not in system
    assert [tool["name"] for tool in request["tools"]] == [
        "book_table",
        "check_calendar",
        "read_skill",
        "search_venues",
    ]


def test_hostile_code_gives_the_model_an_error_and_leaves_every_turn_unharmed(world: World) -> None:
    # Given tenants whose skills each mean another harm, and one that means none
    good, ann = world.customer(), Person.new()
    _give(world, good, bundle("return 'well'"))
    bad = {what: world.customer() for what in HOSTILE}
    for what, customer in bad.items():
        _give(world, customer, bundle(HOSTILE[what][0]))
    # When the model calls all of them at once, and the good one's meanwhile
    for customer in bad.values():
        world.say(customer, ann, "use tool probe {}")
    assert "probe says: well" in world.ask(good, ann, "use tool probe {}", seconds=90)
    for what, customer in bad.items():
        # Then each is told what happened, and the person gets an answer
        (answer,) = world.until(f"an answer after {what}", partial(world.answers, customer, ann.id), 120)
        assert "probe says: " in answer
        assert HOSTILE[what][1] in answer, what
        (result,) = world.model_calls(customer)[-1]["request"]["messages"][-1]["content"]
        assert result["is_error"] is True
        # And the next message is answered as if nothing had been
        assert world.ask(customer, ann, "still there?")
        world.check_books(customer)


def test_a_tenants_hanging_tool_keeps_nobody_else_waiting(world: World) -> None:
    acme, globex = world.customer(), world.customer()
    _give(world, acme, bundle("import time; time.sleep(15); return 'late'"))
    _give(world, globex, bundle("return 'soon'"))
    ann = Person.new()
    world.say(acme, ann, "use tool probe {}")
    world.until("the hanging call to begin", lambda: _busy(world, acme))
    assert "soon" in world.ask(globex, ann, "use tool probe {}")
    assert _busy(world, acme)


def _busy(world: World, whose: Customer) -> bool:
    return any(each["in_use"] and each["tenant"] == whose.id for each in world.aws("GET", "workers"))


def test_code_reaches_neither_the_stack_nor_the_machine(world: World) -> None:
    acme = world.customer()
    endpoint = world.stack["aws_endpoint"]
    looks = {
        "aws": f"import urllib.request\nreturn urllib.request.urlopen('{endpoint}/', timeout=3).status",
        "environ": "return [dict(os.environ), 'AWS' in open('/proc/self/environ').read()]",
        "parent": "return open(f'/proc/{os.getppid()}/environ').read()",
        "files": f"return os.path.exists({str(Path(__file__))!r})",
    }
    for name, body in looks.items():
        install(acme.scope, bundle(body, name=name, tool=name), tool_names())
    assert "URLError" in _call(world, acme, "aws").error
    assert json.loads(_call(world, acme, "environ").text) == [{}, False]
    assert "Error" in _call(world, acme, "parent").error
    # And where the kernel makes namespaces for the stack, which shows in an empty process table, no file of the machine
    install(
        acme.scope, bundle("return len([n for n in os.listdir('/proc') if n.isdigit()])", "pids", "pids"), tool_names()
    )
    if _call(world, acme, "pids").text == "2":
        assert _call(world, acme, "files").text == "false"


def test_the_functions_own_role_and_a_tenants_session_may_do_nothing_with_it(world: World) -> None:
    iam = Clients(world.stack["region"], Credentials("test", "test"), world.stack["aws_endpoint"]).get("iam")
    function = world.stack["outputs"]["SkillsFunctionName"]
    roles = [role["RoleName"] for role in iam.list_roles()["Roles"] if "SkillsRole" in role["RoleName"]]
    assert len(roles) == 1
    granted = []
    for policy in iam.list_role_policies(RoleName=roles[0])["PolicyNames"]:
        document = iam.get_role_policy(RoleName=roles[0], PolicyName=policy)["PolicyDocument"]
        document = json.loads(document) if isinstance(document, str) else document
        granted += [action for statement in document["Statement"] for action in statement["Action"]]
    assert sorted(granted) == ["logs:CreateLogStream", "logs:PutLogEvents"]
    with pytest.raises(ClientError) as refused:
        world.customer().scope.clients.get("lambda").invoke(FunctionName=function, Payload=b"{}")
    assert error_code(refused.value).startswith("AccessDenied")


def test_an_invocation_without_or_with_another_tenant_is_refused(world: World) -> None:
    function = world.stack["outputs"]["SkillsFunctionName"]
    client = world.operator.stage.clients.get("lambda")
    event = json.dumps({"tenant": "a", "skill": "x", "tool": "x", "arguments": {}, "files": "", "secrets": {}})
    for more in ({}, {"TenantId": "b"}):
        answer = client.invoke(FunctionName=function, Payload=event.encode(), **more)
        assert answer.get("FunctionError")
        assert b"invoked for tenant" in answer["Payload"].read()


@pytest.mark.parametrize("journalled", [True, False])
def test_a_tool_is_not_run_again_after_a_crash(world: World, journalled: bool) -> None:
    # Given a tool that counts its runs, and an agent that dies when its result is written or just before
    acme, ann = world.customer(), Person.new()
    _give(world, acme, bundle("(scratch() / str(len(os.listdir()))).write_text(''); return len(os.listdir())"))
    hold = {"service": "dynamodb", "action": "TransactWriteItems", "match": "tool_result", "after": journalled}
    world.aws("POST", "hold", hold)
    world.say(acme, ann, "use tool probe {}")
    world.until("the result to be held", lambda: world.aws("GET", "held")["held"] > 0)
    assert world.kill_agents() >= 1
    world.pass_time(25)
    world.aws("POST", "release", {"drop": not journalled})
    # When the queue brings the turn again, then the answer holds the first run's result, and there was no second
    answers = world.until("the answer", lambda: world.answers(acme, ann.id), 90)
    assert answers[0].endswith("probe says: 1")
    assert _call(world, acme, call="another").text == "2"
    world.check_books(acme)


def test_a_call_that_stored_something_gives_its_result_again(world: World) -> None:
    acme = world.customer()
    _give(world, acme, bundle("(scratch() / str(len(os.listdir()))).write_text(''); return len(os.listdir())"))
    assert [_call(world, acme, call=name).text for name in ("a", "a", "b", "a")] == ["1", "1", "2", "1"]


def test_calls_side_by_side_lose_nothing(world: World) -> None:
    acme = world.customer()
    body = "f = scratch() / 'n'\nf.write_text(f.read_text() + 'x' if f.exists() else 'x')\nreturn f.read_text()"
    _give(world, acme, bundle(body))
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda n: _call(world, acme, call=str(n)), range(3)))
    assert _call(world, acme, call="last").text == "xxxx"


def test_secrets_come_to_the_skill_that_names_them_and_go_with_it(world: World) -> None:
    acme = world.customer()
    install(acme.scope, bundle("return secret('KEY')", secrets="[KEY]"), tool_names())
    assert _call(world, acme).error == "The secret KEY is not set."
    set_secret(acme.scope, "probe", "KEY", "s3cret")
    assert _call(world, acme, call="d").text == "s3cret"
    with pytest.raises(BadInput):
        set_secret(acme.scope, "probe", "OTHER", "x")
    assert forget_secrets(acme.scope) == ["skills/probe/KEY"]
    set_secret(acme.scope, "probe", "KEY", "s3cret")
    remove(acme.scope, "probe")
    assert get_secret(acme.scope, "skills/probe/KEY") is None


def test_a_new_version_takes_the_place_of_the_old_and_a_removed_skill_leaves_nothing(world: World) -> None:
    acme = world.customer()
    for number in range(3):
        install(acme.scope, bundle(f"(scratch() / 'f').write_text('x'); return {number}"), tool_names())
        assert _call(world, acme, call=f"v{number}").text == str(number)
    s3, bucket = acme.scope.clients.s3, acme.scope.bucket
    listed = s3.list_objects_v2(Bucket=bucket, Prefix=acme.scope.object_key("plugins/"))["Contents"]
    assert len(listed) == 2
    remove(acme.scope, "probe")
    for folder in ("plugins/", "sandbox/"):
        assert not s3.list_objects_v2(Bucket=bucket, Prefix=acme.scope.object_key(folder)).get("Contents")
    with pytest.raises(NotFound):
        find(acme.scope, load_index(acme.scope), "probe")


def test_names_are_one_tools_alone_and_allowed_tools_are_not_taken_away(world: World) -> None:
    acme = world.customer()
    _give(world, acme, bundle("return 1"))
    with pytest.raises(InvalidDocument, match="line 5: probe: the skill probe has a tool of this name"):
        install(acme.scope, bundle("return 1", name="other"), tool_names())
    with pytest.raises(InvalidDocument, match="manyclaw itself"):
        install(acme.scope, bundle("return 1", name="other", tool="current_time"), tool_names())
    for change in (lambda: remove(acme.scope, "probe"), lambda: _without_tools(acme)):
        with pytest.raises(Conflict, match="allowed_tools"):
            change()


def _without_tools(acme: Customer) -> None:
    install(acme.scope, Bundle({"SKILL.md": skill_md()}), tool_names())
