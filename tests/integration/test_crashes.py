"""SIGKILL of the agent's process at each step of a turn: nothing lost, nothing paid twice without being listed."""

from __future__ import annotations

import pytest

from tests.integration.world import Person, World

pytestmark = pytest.mark.integration

RECOVERY = 60.0


def _kill_when_held(world: World) -> None:
    world.until("the request to be held", lambda: world.aws("GET", "held")["held"] > 0)
    assert world.kill_agents() >= 1
    world.aws("POST", "release")


def test_killed_before_the_model_call(world: World) -> None:
    # Given a turn that is killed once its claim is written, before the call goes out
    acme, ann = world.customer(), Person.new()
    world.aws("POST", "hold", {"service": "dynamodb", "action": "TransactWriteItems", "match": acme.id, "after": True})
    world.say(acme, ann, "hello")
    _kill_when_held(world)
    # Then the next attempt answers; the call that never went out stays listed as unsettled
    world.until("the answer", lambda: world.answers(acme, ann.id), RECOVERY)
    assert len(world.model_calls(acme)) == 1
    world.check_books(acme, unsettled=1)


def test_killed_during_the_model_call(world: World) -> None:
    acme, ann = world.customer(), Person.new()
    world.model("POST", "faults", {"times": 1, "hold": True})
    world.say(acme, ann, "hello")
    world.until("the model to be asked", lambda: world.model_calls(acme))
    assert world.kill_agents() >= 1
    world.model("POST", "release")
    world.until("the answer", lambda: world.answers(acme, ann.id), RECOVERY)
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
    world.until("the answer", lambda: world.answers(acme, ann.id), RECOVERY)
    assert len(world.model_calls(acme)) == 1
    assert len(world.answers(acme, ann.id)) == 1
    world.check_books(acme)


def test_killed_during_send(world: World) -> None:
    # Given a turn that is killed while Telegram holds the second of three parts, not yet taken
    acme, ann = world.customer("max_tokens: 8000"), Person.new()
    world.say(acme, ann, "long 9000")
    world.until("the first part", lambda: world.answers(acme, ann.id), RECOVERY)
    whole = world.until("all parts", lambda: got if len("".join(got := world.answers(acme, ann.id))) >= 8_900 else None)
    bob = Person.new("Bob")
    world.telegram("POST", "faults", {"method": "sendMessage", "bot": acme.username, "times": 1, "hold": True})
    world.say(acme, bob, "long 9000")
    world.until("the send to be held", lambda: world.telegram("GET", "health")["held"] > 0)
    assert world.kill_agents() >= 1
    world.telegram("DELETE", "faults")
    # Then every part arrives once, in order, and the model was asked once for each person
    parts = world.until(
        "all parts", lambda: got if len(got := world.answers(acme, bob.id)) >= len(whole) else None, RECOVERY
    )
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
    world.until("the answer", lambda: world.answers(acme, ann.id), RECOVERY)
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
        else:
            world.aws("POST", "clock", {"advance_seconds": 5})
        return bool(world.answers(acme, ann.id))

    world.until("the apology", told, 120)
    # Then the user is told, the letter is dead, and the calls that may have been served are listed
    assert world.answers(acme, ann.id) == ["Sorry, I could not answer that. Please try again later."]
    dlq = world.stack["outputs"]["InboundDlqUrl"]

    def dead() -> bool:
        world.aws("POST", "clock", {"advance_seconds": 30})
        got = world.operator.stage.clients.sqs.receive_message(QueueUrl=dlq, VisibilityTimeout=0)
        return any(acme.id in message["Body"] for message in got.get("Messages", []))

    world.until("the dead letter", dead, 30)
    world.heal()
    assert "hello again" in world.ask(acme, ann, "hello again")
    world.check_books(acme, unsettled=4)
