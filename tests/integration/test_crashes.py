"""SIGKILL of the agent's process at each step of a turn: nothing lost, nothing paid twice without being listed."""

from __future__ import annotations

import pytest

from tests.integration.world import Person, World

pytestmark = pytest.mark.integration

HELD = 25.0
"""Seconds after which the queue gives the message of a dead process back: more than the agent's pulse asks for."""


def _kill_when_held(world: World) -> None:
    world.until("the request to be held", lambda: world.aws("GET", "held")["held"] > 0)
    _kill(world)
    world.aws("POST", "release")


def _kill(world: World) -> None:
    assert world.kill_agents() >= 1
    world.pass_time(HELD)


def _is_dead(world: World, tenant: str) -> bool:
    """Whether a letter of the tenant lies in the dead-letter queue; time passes with each look."""
    world.pass_time(30)
    dlq = world.stack["outputs"]["InboundDlqUrl"]
    got = world.operator.stage.clients.sqs.receive_message(QueueUrl=dlq, VisibilityTimeout=0, MaxNumberOfMessages=10)
    return any(tenant in message["Body"] for message in got.get("Messages", []))


def test_killed_before_the_model_call(world: World) -> None:
    # Given a turn that is killed once its claim is written, before the call goes out
    acme, ann = world.customer(), Person.new()
    hold = {"service": "dynamodb", "action": "TransactWriteItems", "match": f"{acme.id}#LEDGER", "after": True}
    world.aws("POST", "hold", hold)
    world.say(acme, ann, "hello")
    _kill_when_held(world)
    # Then the next attempt answers; the call that never went out stays listed as unsettled
    world.until("the answer", lambda: world.answers(acme, ann.id))
    assert len(world.model_calls(acme)) == 1
    world.check_books(acme, unsettled=1)


def test_killed_during_the_model_call(world: World) -> None:
    acme, ann = world.customer(), Person.new()
    world.model("POST", "faults", {"times": 1, "hold": True})
    world.say(acme, ann, "hello")
    world.until("the model to be asked", lambda: world.model_calls(acme))
    _kill(world)
    world.model("POST", "release")
    world.until("the answer", lambda: world.answers(acme, ann.id))
    world.check_books(acme, unsettled=1)
    assert len(world.answers(acme, ann.id)) == 1


def test_killed_between_answer_and_send(world: World) -> None:
    # Given a turn that is killed once its answer is committed, before anything is sent
    acme, ann = world.customer(), Person.new()
    hold = {"service": "dynamodb", "action": "TransactWriteItems", "match": "answered", "after": True}
    world.aws("POST", "hold", hold)
    world.say(acme, ann, "hello")
    _kill_when_held(world)
    # Then the answer is sent without asking the model again
    world.until("the answer", lambda: world.answers(acme, ann.id))
    assert len(world.model_calls(acme)) == 1
    assert len(world.answers(acme, ann.id)) == 1
    world.check_books(acme)


def test_killed_during_send(world: World) -> None:
    # Given an answer in parts, and the same answer killed while Telegram holds its first part, not yet taken
    acme, ann = world.customer("max_tokens: 8000"), Person.new()
    world.say(acme, ann, "long 9000")
    world.until("the first part", lambda: world.answers(acme, ann.id))
    whole = world.until("all parts", lambda: got if len("".join(got := world.answers(acme, ann.id))) >= 8_900 else None)
    bob = Person.new("Bob")
    world.telegram("POST", "faults", {"method": "sendMessage", "bot": acme.username, "times": 1, "hold": True})
    world.say(acme, bob, "long 9000")
    world.until("the send to be held", lambda: world.telegram("GET", "health")["held"] > 0)
    _kill(world)
    world.until("Telegram to see the line drop", lambda: world.telegram("GET", "health")["held"] == 0)
    world.telegram("DELETE", "faults")
    # Then every part arrives once, in order, and the model was asked once for each person
    parts = world.until("all parts", lambda: got if len(got := world.answers(acme, bob.id)) >= len(whole) else None)
    assert parts == whole
    assert len(world.model_calls(acme)) == 2
    world.check_books(acme)


def test_killed_between_a_tool_and_the_next_call(world: World) -> None:
    # Given a turn that is killed once its first answer, a tool call, is journalled
    acme, ann = world.customer("allowed_tools: [current_time]"), Person.new()
    hold = {"service": "dynamodb", "action": "TransactWriteItems", "match": "tool_result", "after": True}
    world.aws("POST", "hold", hold)
    world.say(acme, ann, "what time is it in Asia/Tokyo")
    _kill_when_held(world)
    # Then the settled call is not made again and the tool's result is the journalled one
    world.until("the answer", lambda: world.answers(acme, ann.id))
    assert len(world.model_calls(acme)) == 2
    world.check_books(acme)


def test_a_turn_that_always_dies_is_given_up_and_the_user_is_told_once(world: World) -> None:
    # Given a model whose every call ends in the death of the process
    acme, ann = world.customer(), Person.new()
    world.model("POST", "faults", {"times": 50, "hold": True})
    world.say(acme, ann, "hello")
    killed = 0

    def told() -> bool:
        nonlocal killed
        if len(world.model_calls(acme)) > killed:
            killed += world.kill_agents()
        elif not world.agents():
            world.pass_time(5)
        return bool(world.answers(acme, ann.id))

    world.until("the apology", told, 120)
    # Then the user is told, the letter is dead, and the calls that may have been served are listed
    assert world.answers(acme, ann.id) == ["Sorry, I could not answer that. Please try again later."]
    world.until("the dead letter", lambda: _is_dead(world, acme.id), 30)
    world.heal()
    assert "hello again" in world.ask(acme, ann, "hello again")
    world.check_books(acme, unsettled=4)


def test_an_attempt_that_was_thought_dead_can_write_nothing_when_it_wakes(world: World) -> None:
    # Given an attempt that hangs in the model call until the queue gives its message to another
    acme, ann = world.customer(), Person.new()
    world.model("POST", "faults", {"times": 1, "hold": True})
    world.say(acme, ann, "hello")
    world.until("the model to be asked", lambda: world.model_calls(acme))
    world.pass_time(HELD)
    world.until("the other attempt's answer", lambda: world.answers(acme, ann.id))
    # When the first one gets its answer after all
    world.model("POST", "release")
    world.until("both to end", lambda: not world.agents())
    # Then nothing is sent twice, the conversation holds it once, and both calls are on the bill
    assert len(world.answers(acme, ann.id)) == 1
    world.ask(acme, ann, "and now")
    assert len(world.model_calls(acme)[-1]["request"]["messages"]) == 3
    assert [row.state for row in world.ledger(acme)] == ["settled"] * 3
    world.check_books(acme)


def test_a_dead_letter_that_is_brought_back_is_answered(world: World) -> None:
    # Given a turn that was given up
    acme, ann = world.customer(), Person.new()
    world.model("POST", "faults", {"times": 99, "status": 529, "retry_after": 60, "contains": acme.marker})
    update_id = world.say(acme, ann, "hello")["update_id"]

    def told() -> bool:
        if not world.agents():
            world.pass_time(60)
        return bool(world.answers(acme, ann.id))

    world.until("the apology", told, 90)
    world.model("DELETE", "faults")
    world.until("its letter to be dead", lambda: _is_dead(world, acme.id), 30)
    # When its update comes again, as from the dead letters
    assert world.repeat(acme, update_id) == 200
    # Then it is answered
    world.until("the answer", lambda: len(world.answers(acme, ann.id)) == 2)
    assert "hello" in world.answers(acme, ann.id)[1]
    world.check_books(acme, refused=4)
