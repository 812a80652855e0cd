"""Looking at memories from outside."""

from __future__ import annotations

import json

from manyclaw.memory import Passage, Subject, load_memory_row, recall, subject_of
from tests.integration.world import Customer, Person, World


def memory_of(world: World, by: Customer, text: str) -> str:
    """What memory added to the newest user message of the last request that holds ``text``."""
    calls = [call for call in world.model_calls(by) if text in json.dumps(call["request"]["messages"][-1])]
    blocks = calls[-1]["request"]["messages"][-1]["content"]
    return "\n".join(block["text"] for block in blocks if block["type"] == "text" and "[memory]" in block["text"])


def private(person: Person) -> Subject:
    return subject_of(person.id, private=True)


def wait_until_remembered(world: World, by: Customer, whose: Subject, turns: int) -> None:
    world.until(f"{turns} turns of {whose} to be indexed", lambda: load_memory_row(by.scope, whose).turns >= turns)


def search(world: World, by: Customer, whose: Subject, query: str, limit: int = 10) -> list[Passage]:
    """What the memory function finds, with time enough for a cold start."""
    stage = world.operator.stage
    return recall(stage.clients, stage.settings, by.scope.tenant, whose, query, limit, seconds=30)
