"""Memory that is slow, dies, or is given the worst: nobody waits for it, and nothing is lost."""

from __future__ import annotations

import time

import pytest

from manyclaw.memory import load_memory_row
from manyclaw.tenancy import row_keys
from tests.integration.memories import memory_of, private, search, wait_until_remembered
from tests.integration.world import Customer, Person, World

pytestmark = pytest.mark.integration


def test_memory_that_is_down_costs_no_answer_and_loses_no_turn(world: World) -> None:
    acme, ann = world.customer(), Person.new("Ann")
    world.ask(acme, ann, "the answer is in the attic")
    wait_until_remembered(world, acme, private(ann), 1)
    # Given a memory that does not answer any more
    world.aws("POST", "hold", {"service": "lambda", "action": "InvokeFunction", "match": "search", "times": 5})
    began = time.monotonic()
    # When somebody writes
    answer = world.ask(acme, ann, "where is the answer?")
    # Then the answer comes after the budget, without a passage, and the turn is remembered later
    assert "where is the answer?" in answer
    assert time.monotonic() - began < 5
    assert memory_of(world, acme, "where is the answer?") == ""
    wait_until_remembered(world, acme, private(ann), 2)


def test_a_crash_between_the_answer_and_the_handing_over_loses_no_turn(world: World) -> None:
    # Given a queue of memory's that takes the turn, while the agent never hears of it
    acme, ann = world.customer(), Person.new("Ann")
    to_memory = f"{acme.id}/{private(ann)}"
    hold = {"service": "sqs", "action": "SendMessage", "match": to_memory, "times": 1}
    world.aws("POST", "hold", hold)
    world.say(acme, ann, "the spare key is under the third stone")
    world.until("the answer", lambda: world.answers(acme, ann.id))
    world.until("the handing over to hang", lambda: world.aws("GET", "held")["held"])
    world.until("the sending to be marked", lambda: parts_marked_as_sent(acme, ann) == 1)
    # When the agent dies there
    assert world.kill_agents() == 1
    world.aws("POST", "release")
    # Then the turn is delivered once, and remembered once
    world.pass_time(30)
    wait_until_remembered(world, acme, private(ann), 1)
    world.ask(acme, ann, "hello")
    wait_until_remembered(world, acme, private(ann), 2)
    assert len(world.answers(acme, ann.id)) == 2
    assert load_memory_row(acme.scope, private(ann)).turns == 2
    assert len(world.model_calls(acme)) == 2


def parts_marked_as_sent(acme: Customer, ann: Person) -> int:
    """Of the only turn of a conversation in private."""
    keys = row_keys(acme.scope, acme.scope.part(f"CHAT#{ann.id}", "").pk)
    (turn,) = (key for key in keys if key["sk"]["S"].startswith("TURN#") and "#STEP#" not in key["sk"]["S"])
    row = acme.scope.clients.dynamodb.get_item(TableName=acme.scope.table, Key=turn, ConsistentRead=True)
    return int(row["Item"].get("sent", {"N": "0"})["N"])


NASTY = [
    "😀😀😀",
    "x" * 4_000,
    "it's \"quoted\" % _ \\ ' OR 1=1 --",
    "пчёлы в Патагонии?",
    "../../etc/passwd",
    "。",
    "a nul \x00 in it",
]


def test_no_message_makes_memory_fail(world: World) -> None:
    # Given people with a name that is no name, each of whom writes something nasty
    acme = world.customer()
    people = {Person.new("Ann' OR '1'='1 %\x00"): text for text in NASTY}
    for person, text in people.items():
        world.say(acme, person, text)
    for person, text in people.items():
        # When it is looked for
        wait_until_remembered(world, acme, private(person), 1)
        found = search(world, acme, private(person), text)
        # Then it is found, by its words or by its meaning
        assert [each.turn.said for each in found] == [text.replace("\x00", "")]
    assert search(world, acme, private(Person.new("Eve")), "anything") == []


def test_a_query_in_another_script_finds_by_meaning(world: World) -> None:
    acme, ann = world.customer(), Person.new("Ann")
    for text in (
        "У моей сестры пчёлы на даче",
        "завтра я иду к зубному врачу",
        "我喜欢喝绿茶",
        "мы купили новую машину",
    ):
        world.ask(acme, ann, text)
    wait_until_remembered(world, acme, private(ann), 4)

    def first(query: str) -> str:
        return search(world, acme, private(ann), query)[0].turn.said

    assert first("Who has an appointment at the dentist?") == "завтра я иду к зубному врачу"
    assert first("пчела") == "У моей сестры пчёлы на даче"
    assert first("绿茶好喝吗") == "我喜欢喝绿茶"
