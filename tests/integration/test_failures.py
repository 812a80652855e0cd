"""Telegram and Anthropic having a bad day: nothing lost, nothing twice, the books right."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.world import Person, World

pytestmark = pytest.mark.integration


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 429, "retry_after": 1},
        {"status": 502},
        {"status": 500, "times": 3},
    ],
    ids=lambda fault: str(fault["status"]),
)
def test_telegram_refuses_for_a_while(world: World, fault: dict[str, Any]) -> None:
    acme, ann = world.customer(), Person.new()
    world.telegram("POST", "faults", {"method": "sendMessage", "bot": acme.username, "times": 1, **fault})
    assert "hello" in world.ask(acme, ann, "hello")
    assert len(world.answers(acme, ann.id)) == 1
    assert len(world.model_calls(acme)) == 1
    world.check_books(acme)


def test_telegram_wants_a_longer_pause_than_one_attempt_can_wait(world: World) -> None:
    acme, ann = world.customer(), Person.new()
    fault = {"method": "sendMessage", "bot": acme.username, "times": 1, "status": 429, "retry_after": 40}
    world.telegram("POST", "faults", fault)
    world.say(acme, ann, "hello")
    world.until("the refusal", lambda: world.calls_to_telegram(acme, "sendMessage"))

    def answered() -> bool:
        world.pass_time(5)
        return bool(world.answers(acme, ann.id))

    world.until("the answer", answered, 30)
    assert len(world.model_calls(acme)) == 1
    world.check_books(acme)


def test_a_person_who_blocked_the_bot_stops_nobody_else(world: World) -> None:
    acme, ann, bob = world.customer(), Person.new(), Person.new("Bob")
    fault = {"method": "sendMessage", "bot": acme.username, "times": 1, "status": 403}
    world.telegram("POST", "faults", {**fault, "description": "Forbidden: bot was blocked by the user"})
    world.say(acme, ann, "hello")
    world.until("the refusal", lambda: world.calls_to_telegram(acme, "sendMessage"))
    assert "hi" in world.ask(acme, bob, "hi")
    assert "back again" in world.ask(acme, ann, "back again")
    assert len(world.calls_to_telegram(acme, "sendMessage")) == 3
    world.check_books(acme)


@pytest.mark.parametrize("status", [529, 500, 429])
def test_the_model_is_busy_for_a_moment(world: World, status: int) -> None:
    # A definite refusal costs nothing: the same call is made again
    acme, ann = world.customer(), Person.new()
    world.model("POST", "faults", {"times": 2, "status": status})
    assert "hello" in world.ask(acme, ann, "hello")
    assert len(world.ledger(acme)) == 1
    world.check_books(acme)


def test_the_model_is_busy_for_longer_than_one_attempt_waits(world: World) -> None:
    acme, ann = world.customer(), Person.new()
    world.model("POST", "faults", {"times": 5, "status": 529})
    assert "hello" in world.ask(acme, ann, "hello", 90)
    assert len(world.answers(acme, ann.id)) == 1
    world.check_books(acme, refused=1)


def test_the_models_stream_breaks_off(world: World) -> None:
    # What may have been served and billed stays listed; the answer comes from a further call
    acme, ann = world.customer(), Person.new()
    world.model("POST", "faults", {"times": 1, "drop_after_events": 3})
    assert "hello" in world.ask(acme, ann, "hello")
    assert len(world.answers(acme, ann.id)) == 1
    world.check_books(acme, unsettled=1)


def test_the_models_stream_ends_with_an_error_event(world: World) -> None:
    acme, ann = world.customer(), Person.new()
    world.model("POST", "faults", {"times": 1, "error_event": "overloaded_error"})
    assert "hello" in world.ask(acme, ann, "hello")
    world.check_books(acme, unsettled=1)


def test_a_refusal_is_said_paid_for_and_not_kept(world: World) -> None:
    acme, ann = world.customer(), Person.new()
    world.model("POST", "faults", {"times": 1, "content": [], "stop_reason": "refusal"})
    assert world.ask(acme, ann, "something forbidden") == "I cannot help with that."
    world.ask(acme, ann, "something else")
    assert "something forbidden" not in world.model_calls(acme)[-1]["raw"]
    world.check_books(acme)


def test_a_blank_block_before_a_tool_call_does_not_poison_the_chat(world: World) -> None:
    acme, ann = world.customer("allowed_tools: [current_time]"), Person.new()
    use = {"type": "tool_use", "id": "toolu_1", "name": "current_time", "input": {"zone": "Asia/Tokyo"}}
    content = [{"type": "text", "text": "\n\n"}, use]
    world.model("POST", "faults", {"times": 1, "content": content, "stop_reason": "tool_use"})
    assert "UTC+0900" in world.ask(acme, ann, "the time, please")
    assert "again" in world.ask(acme, ann, "again")
    world.check_books(acme)


def test_a_chat_that_used_a_tool_lives_on_when_the_tool_is_taken_away(world: World) -> None:
    from manyclaw.tenancy import save_overlay

    acme, ann = world.customer("allowed_tools: [current_time]"), Person.new()
    world.ask(acme, ann, "what time is it in Asia/Tokyo")
    plain = f"system_prompt: You are the assistant of {acme.marker}.\n"
    save_overlay(acme.scope, plain, world.operator.gateway, world.operator.tools)
    assert "and now" in world.ask(acme, ann, "and now")
    assert world.model_calls(acme)[-1]["request"]["tool_choice"] == {"type": "none"}
    world.check_books(acme)


def test_a_history_that_the_api_no_longer_takes_is_left_behind(world: World) -> None:
    acme, ann = world.customer(), Person.new()
    world.ask(acme, ann, "a poisonous word")
    world.model("POST", "faults", {"times": 99, "status": 400, "contains": "poisonous"})
    assert "first" in world.ask(acme, ann, "first try after")
    assert "second" in world.ask(acme, ann, "second try after")
    assert len([call for call in world.model_calls(acme) if call["status"] == 400]) == 1
    world.check_books(acme, refused=1)


def test_a_revoked_token_keeps_the_answer_until_the_bot_is_paired_again(world: World) -> None:
    acme, ann = world.customer(), Person.new()
    fault = {"method": "sendMessage", "bot": acme.username, "times": 1, "status": 401, "description": "Unauthorized"}
    world.telegram("POST", "faults", fault)
    world.say(acme, ann, "hello")
    world.until("the refusal", lambda: world.calls_to_telegram(acme, "sendMessage"))
    world.until("the attempt to end", lambda: not world.agents())
    world.pass_time(30)
    world.until("the answer", lambda: world.answers(acme, ann.id))
    assert len(world.model_calls(acme)) == 1
    world.check_books(acme)


def test_an_overlay_may_not_choose_a_model_without_a_price(world: World) -> None:
    from manyclaw.errors import BadInput
    from manyclaw.tenancy import save_overlay

    acme = world.customer()
    with pytest.raises(BadInput, match="is not a model of this gateway"):
        save_overlay(acme.scope, "model: claude-unpriced\n", world.operator.gateway, world.operator.tools)
