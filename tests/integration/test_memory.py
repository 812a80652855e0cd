"""What a bot remembers, and of whom."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest

from manyclaw.memory import Job, Turn, load_memory_row, send_job, subject_of
from tests.integration.memories import memory_of, private, search, wait_until_remembered
from tests.integration.world import Person, World

pytestmark = pytest.mark.integration


def test_what_was_said_long_ago_comes_back_in_the_newest_user_message_only(world: World) -> None:
    # Given something told, and fifty other messages after it
    acme, ann = world.customer(), Person.new("Ann")
    globex, bob = world.customer(), Person.new("Bob")
    world.ask(acme, ann, "my sister Wilhelmina keeps bees in Patagonia")
    for number in range(50):
        world.say(acme, ann, f"let us talk about subject {number} of our list")
    world.until("all answers", lambda: len(world.answers(acme, ann.id)) == 51, 120)
    wait_until_remembered(world, acme, private(ann), 51)
    # When it is asked for, by her, by another user of the same bot, and by herself in another tenant's
    for customer, person in ((globex, ann), (acme, bob), (acme, ann)):
        world.ask(customer, person, "where does my sister keep her bees?")
    # Then the passage stands, with date and speaker, behind the newest user message and its cache mark
    request = world.model_calls(acme)[-1]["request"]
    *_, message, found = request["messages"][-1]["content"]
    assert "Ann: my sister Wilhelmina keeps bees in Patagonia" in found["text"]
    assert "cache_control" in message
    assert "cache_control" not in found
    # And for nobody else
    others = [call["request"] for call in world.model_calls(globex) + world.model_calls(acme)[-2:-1]]
    assert len(others) == 2
    assert "Patagonia" not in json.dumps(others)
    # And nothing of it is kept in the history
    world.ask(acme, ann, "thank you")
    last = world.model_calls(acme)[-1]["request"]
    assert "[memory]" not in json.dumps([*last["messages"][:-1], last["system"]])


def test_neither_another_tenant_nor_another_user_gets_it(world: World) -> None:
    # Given one person telling one tenant's bot something, and the same words asked elsewhere
    acme, globex = world.customer(), world.customer()
    ann, bob = Person.new("Ann"), Person.new("Bob")
    world.ask(acme, ann, "the password of the lighthouse is Nebukadnezar")
    wait_until_remembered(world, acme, private(ann), 1)
    # And both others having a memory of their own with the same phrase's beginning
    for customer, person in ((globex, ann), (acme, bob)):
        world.ask(customer, person, "the password of the lighthouse is something I forgot")
        wait_until_remembered(world, customer, private(person), 1)
    # When everybody asks with identical phrases
    question = "what is the password of the lighthouse?"
    everybody = ((acme, ann), (globex, ann), (acme, bob))
    for number in range(9):
        for customer, person in everybody:
            world.say(customer, person, f"small talk {number}")
    for customer, person in everybody:
        world.until("all answers", partial(world.has_answered, customer, person.id, 10))
        world.ask(customer, person, f"{question} asks {person.name}")
    # Then only who told it gets it
    assert "Nebukadnezar" in memory_of(world, acme, f"{question} asks Ann")
    assert "something I forgot" in memory_of(world, globex, f"{question} asks Ann")
    assert "something I forgot" in memory_of(world, acme, f"{question} asks Bob")
    assert "Nebukadnezar" not in json.dumps(world.model_calls(globex))
    assert "Nebukadnezar" not in memory_of(world, acme, f"{question} asks Bob")


def test_a_group_has_its_own_memory_and_never_a_private_chats(world: World) -> None:
    # Given something told in a group, and something else in private
    acme, ann = world.customer(), Person.new("Ann")
    group = -1_000_000_000_000 - ann.id
    in_group: dict[str, Any] = {"chat": group, "chat_type": "supergroup"}
    world.say(acme, ann, f"@{acme.username} the picnic is at the Obelisk", **in_group)
    world.until("an answer in the group", lambda: len(world.answers(acme, group)) == 1)
    world.ask(acme, ann, "my picnic secret is Marzipan")
    wait_until_remembered(world, acme, subject_of(group, private=False), 1)
    wait_until_remembered(world, acme, private(ann), 1)
    for number in range(9):
        world.say(acme, ann, f"@{acme.username} group talk {number}", **in_group)
        world.say(acme, ann, f"private talk {number}")
    for chat in (group, ann.id):
        world.until("the answers", partial(world.has_answered, acme, chat, 10))
    # When the picnic is asked about in both
    world.say(acme, ann, f"@{acme.username} where is the picnic, group?", **in_group)
    world.until("an answer in the group", lambda: len(world.answers(acme, group)) == 11)
    world.ask(acme, ann, "what of the picnic, private?")
    # Then each has its own
    assert "Obelisk" in memory_of(world, acme, "where is the picnic, group?")
    assert "Marzipan" not in memory_of(world, acme, "where is the picnic, group?")
    assert "Marzipan" in memory_of(world, acme, "what of the picnic, private?")
    assert "Obelisk" not in memory_of(world, acme, "what of the picnic, private?")


def test_a_turn_that_comes_twice_is_remembered_once(world: World) -> None:
    acme, ann = world.customer(), Person.new("Ann")
    sent = world.say(acme, ann, "we meet at the windmill")
    world.until("an answer", lambda: world.answers(acme, ann.id))
    wait_until_remembered(world, acme, private(ann), 1)
    # When Telegram delivers it again, and past the queue's deduplication the turn comes to memory once more
    world.repeat(acme, sent["update_id"])
    turn = Turn(f"{acme.bot_id}-{sent['update_id']}", str(ann.id), datetime.now(UTC), "Ann", "we meet at the windmill")
    stage = world.operator.stage
    send_job(stage.clients, stage.settings, Job("turn", acme.scope.tenant, private(ann), turn), "once more")
    world.ask(acme, ann, "another thing")
    wait_until_remembered(world, acme, private(ann), 2)
    # Then there are two turns, each once
    found = search(world, acme, private(ann), "windmill")
    assert [each.turn.said for each in found].count("we meet at the windmill") == 1
    assert load_memory_row(acme.scope, private(ann)).turns == 2


def test_the_model_searches_by_itself_and_saves_facts_that_are_always_shown(world: World) -> None:
    acme, ann = world.customer("allowed_tools: [memory_save, memory_search]"), Person.new("Ann")
    world.ask(acme, ann, "my allergy is walnuts")
    wait_until_remembered(world, acme, private(ann), 1)
    # When the model calls its tools
    saved = world.ask(acme, ann, 'use tool memory_save {"fact": "Ann is allergic to walnuts"}')
    found = world.ask(acme, ann, 'use tool memory_search {"query": "allergy"}')
    full = world.ask(acme, ann, 'use tool memory_save {"fact": "' + "x" * 201 + '"}')
    # Then the fact is saved, the passage found, and what is too long explained
    assert "1. Ann is allergic to walnuts" in saved
    assert "Ann: my allergy is walnuts" in found
    assert "1 to 200 characters" in full
    # And the fact is in every later prompt of this chat and of no other
    world.ask(acme, ann, "hello once more")
    assert "1. Ann is allergic to walnuts (" in memory_of(world, acme, "hello once more")
    world.ask(acme, Person.new("Bob"), "hello from Bob")
    assert memory_of(world, acme, "hello from Bob") == ""
