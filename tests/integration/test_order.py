"""Order within a chat, side by side across chats."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.integration.world import Person, World

pytestmark = pytest.mark.integration

CHATS, EACH = 20, 10


def test_two_hundred_messages_over_twenty_chats_are_answered_in_order(world: World) -> None:
    # Given two tenants and twenty people
    customers = [world.customer(), world.customer()]
    people = [(customers[number % 2], Person.new(f"P{number}")) for number in range(CHATS)]

    # When all write ten messages at once
    def write(pair: tuple[object, Person]) -> None:
        for number in range(EACH):
            world.say(pair[0], pair[1], f"message {number} of {pair[1].name}.")  # type: ignore[arg-type]

    with ThreadPoolExecutor(CHATS) as pool:
        list(pool.map(write, people))

    # Then each gets ten answers, each to the message of its place
    def all_answered() -> bool:
        return all(len(world.answers(customer, person.id)) >= EACH for customer, person in people)

    world.until("200 answers", all_answered, 120)
    for customer, person in people:
        answers = world.answers(customer, person.id)
        assert len(answers) == EACH
        for number, answer in enumerate(answers):
            assert f"message {number} of {person.name}." in answer
    for customer in customers:
        world.check_books(customer)
