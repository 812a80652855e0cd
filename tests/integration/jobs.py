"""What the tests of jobs have in common."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import Any

from manyclaw.schedules import JobBook, Run, due_text, load_job, load_run
from manyclaw.schedules.timetable import due_body, due_group
from tests.integration.world import Customer, Person, World

FAR = "cron(0 3 1 1 ? *)"


def met(world: World, *names: str, config: str = "") -> tuple[Any, ...]:
    """A customer, and people who have spoken to its bot: Telegram lets a bot write to nobody else."""
    acme, people = world.customer(f"greeting: Welcome.\n{config}"), [Person.new(name) for name in names]
    for person in people:
        world.ask(acme, person, "/start")
    return acme, *people


def got(world: World, of: Customer, person: Person) -> list[str]:
    """What the bot has written to a person since its greeting."""
    return world.answers(of, person.id)[1:]


def daily(of: Customer, *chats: Person, **values: Any) -> JobBook:
    """The tenant's jobs, with one called ``daily`` for these people."""
    book = JobBook(of.scope)
    book.add("daily", {"prompt": "tell the news", "when": FAR, "chats": [str(each.id) for each in chats], **values})
    return book


def deliver(world: World, of: Customer, due: datetime, times: int = 1, job: str = "daily") -> str:
    """Put a due time on the queue as the Scheduler does; each delivery past the queue's own deduplication."""
    found = load_job(of.scope, job)
    assert found is not None
    for _ in range(times):
        world.operator.stage.clients.sqs.send_message(
            QueueUrl=world.operator.stage.settings.inbound_queue_url,
            MessageBody=due_body(of.id, found, due_text(due)),
            MessageGroupId=due_group(of.id, job),
            MessageDeduplicationId=secrets.token_hex(8),
        )
    return due_text(due)


def closed(world: World, of: Customer, due: str, job: str = "daily") -> Run:
    def run() -> Run | None:
        found = load_run(of.scope, job, due)
        return found if found and found.outcome != "running" else None

    ended: Run = world.until(f"the run of {due} to be closed", run)
    return ended


def at_rest(world: World) -> None:
    world.until("the agents to be done", lambda: not world.agents())


def now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
