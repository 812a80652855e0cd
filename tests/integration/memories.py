"""Looking at memories from outside."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from manyclaw.aws import Clients, Credentials
from manyclaw.memory import Job, Passage, Subject, Turn, load_memory_row, recall, send_job, subject_of
from manyclaw.memory.embedders import Embedder
from manyclaw.memory.engine import Engine
from manyclaw.memory.service import Memory
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


def turn(person: Person, number: int, said: str) -> Turn:
    """A finished turn of a private chat, now."""
    return Turn(f"1-{number}", str(person.id), datetime.now(UTC), person.name, said)


def index(world: World, by: Customer, whose: Subject, *turns: Turn) -> None:
    """Give turns to memory as the agent does, without a conversation, and wait until it has them."""
    stage = world.operator.stage
    before = load_memory_row(by.scope, whose).turns
    for each in turns:
        send_job(stage.clients, stage.settings, Job("turn", by.scope.tenant, whose, each), each.id)
    wait_until_remembered(world, by, whose, before + len(turns))


def admin(world: World) -> Clients:
    """AWS with rights that no part of the product has."""
    return Clients(world.stack["region"], Credentials("test", "test"), world.stack["aws_endpoint"])


class OwnMemory(Memory):
    """The memory function's service in this process, on the stack's S3 and table, with an embedder of the test's."""

    asked: Embedder

    @classmethod
    def on(cls, world: World, embedder: Embedder) -> OwnMemory:
        """``AWS_ENDPOINT_URL`` must name the stack."""
        found = cls(world.operator.stage.settings, admin(world), world.operator.scopes, Engine(world.stack["region"]))
        found.asked = embedder
        return found

    def embedder(self) -> Embedder:
        return self.asked


def record(job: Job, attempt: int = 1) -> dict[str, Any]:
    """As SQS hands it over. Its receipt is none of the queue's, so the shorter retry only fails with a warning."""
    attributes = {"ApproximateReceiveCount": str(attempt)}
    return {"messageId": "one", "body": job.to_body(), "receiptHandle": "none", "attributes": attributes}
