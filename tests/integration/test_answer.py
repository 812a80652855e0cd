"""A customer's message gets its answer: the whole path."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from manyclaw.tenancy import save_overlay
from tests.integration.world import Person, World

pytestmark = pytest.mark.integration


def test_a_message_is_answered_and_written_to_the_ledger(world: World) -> None:
    # Given a tenant with its bot
    acme = world.customer()
    ann = Person.new()
    # When somebody writes to it
    answer = world.ask(acme, ann, "hello there")
    # Then the model's answer comes back, the user saw it typing, and the books are right
    assert "hello there" in answer
    assert world.calls_to_telegram(acme, "sendChatAction")
    world.check_books(acme)
    (row,) = world.ledger(acme)
    assert (row.state, row.user, row.source, row.number) == ("settled", str(ann.id), "chat", 1)
    assert row.cost_usd > 0


def test_a_conversation_goes_on_and_its_prompt_only_grows(world: World) -> None:
    # Given a conversation of three turns, told to remember
    acme = world.customer("allowed_tools: [current_time]")
    ann = Person.new()
    world.ask(acme, ann, "my name is Zerlina")
    world.ask(acme, ann, "what time is it in Europe/Berlin")
    last = world.ask(acme, ann, "what is my name")
    # Then the model knew the first turn in the third
    assert "Zerlina" in last
    # And each request begins with the bytes of the one before, cache marks aside
    requests = [_unmarked(call["request"]) for call in world.model_calls(acme)]
    assert len(requests) == 4
    for earlier, later in itertools.pairwise(requests):
        assert later["system"] == earlier["system"]
        assert later["tools"] == earlier["tools"]
        assert json.dumps(later["messages"]).startswith(json.dumps(earlier["messages"]).removesuffix("]"))
    world.check_books(acme)


def test_the_first_prompt_for_hi_is_under_four_kilobytes(world: World) -> None:
    acme = world.customer("allowed_tools: [current_time]")
    world.ask(acme, Person.new(), "hi")
    (call,) = world.model_calls(acme)
    assert len(call["raw"].encode()) < 4_096


def test_a_tool_is_called_once_and_its_turn_is_two_calls(world: World) -> None:
    acme = world.customer("allowed_tools: [current_time]")
    answer = world.ask(acme, Person.new(), "what time is it in Asia/Tokyo")
    assert "UTC+0900" in answer
    first, second = sorted(world.ledger(acme), key=lambda row: row.number)
    assert (first.tool_calls, second.tool_calls) == (1, 0)
    world.check_books(acme)


def test_a_long_answer_comes_in_parts_that_telegram_takes(world: World) -> None:
    acme = world.customer("max_tokens: 8000")
    ann = Person.new()
    world.say(acme, ann, "long 9000")
    parts = world.until(
        "all parts",
        lambda: got if len("".join(got := world.answers(acme, ann.id))) >= 8_900 else None,
    )
    assert len(parts) >= 3
    assert all(len(part.encode("utf-16-le")) // 2 <= 4096 for part in parts)


def test_two_tenants_and_two_people_know_nothing_of_each_other(world: World) -> None:
    # Given the same person telling one tenant's bot, and another person telling the same bot
    acme, globex = world.customer(), world.customer()
    ann, bob = Person.new("Ann"), Person.new("Bob")
    world.ask(acme, ann, "my name is Xanthippe")
    # When each is asked elsewhere
    elsewhere = world.ask(globex, ann, "what is my name")
    other = world.ask(acme, bob, "what is my name")
    # Then nobody knew
    assert "Xanthippe" not in elsewhere + other
    assert "Xanthippe" not in json.dumps(world.model_calls(globex))


def test_in_a_group_the_bot_answers_when_spoken_to_and_each_topic_is_its_own(world: World) -> None:
    acme = world.customer()
    ann = Person.new()
    group = -1_000_000_000_000 - ann.id
    said = {"chat": group, "chat_type": "supergroup", "thread_id": 1}
    # Given talk that is not meant for the bot, then a mention, then the same in a topic
    world.say(acme, ann, "not for you", **said)
    world.say(acme, ann, f"@{acme.username} my name is Hesperia", **said)
    world.until("an answer in the group", lambda: len(world.answers(acme, group)) == 1)
    world.say(acme, ann, f"@{acme.username} what is my name", **{**said, "thread_id": 77})
    world.until("an answer in the topic", lambda: len(world.answers(acme, group)) == 2)
    # Then only the two were answered, the topic in its topic, knowing nothing of the rest
    assert "Hesperia" not in world.answers(acme, group)[1]
    calls = world.calls_to_telegram(acme, "sendMessage")
    assert [call["params"].get("message_thread_id") for call in calls] == [None, 77]
    assert "not for you" not in json.dumps(world.model_calls(acme))


def test_what_needs_no_model_costs_nothing(world: World) -> None:
    acme = world.customer("greeting: Welcome to Acme!\nlanguage: de")
    ann = Person.new()
    assert world.ask(acme, ann, "/start") == "Welcome to Acme!"
    world.operator.registry.suspend(acme.id)
    assert world.ask(acme, ann, "hello") == "Dieser Bot pausiert gerade."
    world.operator.registry.resume(acme.id)
    assert "hello again" in world.ask(acme, ann, "hello again")
    assert len(world.ledger(acme)) == 1


def test_a_change_of_the_overlay_holds_from_the_next_turn_and_a_broken_one_never(world: World) -> None:
    # Given a good overlay in force, with an owner who has talked to the bot
    owner = Person.new("Owner")
    acme = world.customer(f"owners: [{owner.id}]\n")
    world.ask(acme, owner, "hello")
    # When it is changed, the next turn has it
    good = f"system_prompt: Now you are {acme.marker} and rhyme.\nowners: [{owner.id}]\n"
    save_overlay(acme.scope, good, world.operator.gateway, world.operator.tools)
    world.ask(acme, owner, "and now")
    assert "rhyme" in json.dumps(world.model_calls(acme)[-1]["request"]["system"])
    # When a broken one is put there behind our back
    acme.scope.clients.s3.put_object(
        Bucket=acme.scope.bucket, Key=acme.scope.object_key("config.yaml"), Body=b"system_prompt: x\nmodell: y\n"
    )
    before = len(world.answers(acme, owner.id))
    world.say(acme, owner, "still there?")
    world.say(acme, owner, "and still?")
    world.until("two answers and one notice", lambda: len(world.answers(acme, owner.id)) == before + 3)
    # Then the last good one stays in force, and the owner is told once, with the line
    assert "rhyme" in json.dumps(world.model_calls(acme)[-1]["request"]["system"])
    notices = [text for text in world.answers(acme, owner.id) if "line 2: modell: unknown key" in text]
    assert len(notices) == 1


def _unmarked(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _unmarked(inner) for key, inner in value.items() if key != "cache_control"}
    return [_unmarked(inner) for inner in value] if isinstance(value, list) else value
