"""Messages through the whole path: webhook, queue, agent, model, sendMessage."""

from __future__ import annotations

import json
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import count
from typing import Any

from manyclaw.tenancy import TELEGRAM_WEBHOOK_SECRET, get_secret
from tests.integration.world import Customer, Person, World

_updates = count(10**9)


def _update(person: Person, text: str) -> dict[str, Any]:
    number = next(_updates)
    return {
        "update_id": number,
        "message": {
            "message_id": number % 10**8,
            "date": int(time.time()),
            "chat": {"id": person.id, "type": "private", "first_name": person.name},
            "from": person.as_sender(),
            "text": text,
        },
    }


def _post(world: World, customer: Customer, secret: str, person: Person, text: str) -> float:
    """Post an update as Telegram would; gives the Unix time just before."""
    began = time.time()
    response = world.request(
        "POST",
        f"{world.stack['front_door']}/telegram/{customer.id}",
        _update(person, text),
        {"X-Telegram-Bot-Api-Secret-Token": secret},
    )
    assert response.status == 200, response.status
    return began


def _secret(customer: Customer) -> str:
    secret = get_secret(customer.scope, TELEGRAM_WEBHOOK_SECRET)
    assert secret
    return secret


def _sent_at(world: World, customer: Customer, person: Person) -> list[float]:
    """When each answer to a person reached Telegram, Unix time."""
    calls = world.calls_to_telegram(customer, "sendMessage")
    return [float(call["at"]) for call in calls if int(call["params"]["chat_id"]) == person.id]


def _at_least(messages: int, world: World, customer: Customer, person: Person) -> list[float]:
    """When the bot's messages were sent; an empty list while there are fewer."""
    sent = _sent_at(world, customer, person)
    return sent if len(sent) >= messages else []


def quiet_chat(world: World, customer: Customer, when: str = "", messages: int = 40) -> dict[str, float]:
    """One message after the other in one chat: milliseconds from the webhook's POST to sendMessage."""
    person, secret = Person.new(), _secret(customer)
    world.ask(customer, person, "warm up")
    taken = []
    for number in range(messages):
        began = _post(world, customer, secret, person, f"quiet message {number}")
        sent = world.until("the answer", partial(_at_least, number + 2, world, customer, person))
        taken.append((sent[-1] - began) * 1000)
        time.sleep(0.05)
    taken.sort()
    label = f"one message in a quiet chat{', ' + when if when else ''}"
    return {
        f"{label}: median ms": round(statistics.median(taken)),
        f"{label}: p95 ms": round(taken[int(len(taken) * 0.95)]),
    }


def burst(world: World, customer: Customer, when: str, chats: int = 20, each: int = 10) -> dict[str, float]:
    """200 messages over 20 chats at once: seconds from the first POST until the last answer reached Telegram."""
    people, secret = [Person.new(f"P{number}") for number in range(chats)], _secret(customer)
    for person in people:
        chat = {"id": person.id, "type": "private", "first_name": person.name}
        world.telegram("POST", "updates", {"bot": customer.username, "update": {"edited_message": {"chat": chat}}})

    def write(person: Person) -> float:
        return min(_post(world, customer, secret, person, f"message {number}.") for number in range(each))

    with ThreadPoolExecutor(chats) as pool:
        began = min(pool.map(write, people))
    world.until(
        "all answers", lambda: len(world.calls_to_telegram(customer, "sendMessage")) >= chats * each, seconds=120
    )
    calls = world.calls_to_telegram(customer, "sendMessage")
    for person in people:
        texts = [call["params"]["text"] for call in calls if int(call["params"]["chat_id"]) == person.id]
        for number, text in enumerate(texts):
            assert f"message {number}." in text, (number, text)
        assert len(texts) == each, texts
    label = f"{chats * each} messages over {chats} chats, {when}"
    return {f"{label}: s": round(max(float(call["at"]) for call in calls) - began, 1)}


def wait_for_memory(world: World) -> None:
    """Until every finished turn is indexed; they wait a while for others of their chat."""
    stage, counted = world.operator.stage, ("", "Delayed", "NotVisible")
    names: list[Any] = [f"ApproximateNumberOfMessages{each}" for each in counted]

    def empty() -> bool:
        answer = stage.clients.sqs.get_queue_attributes(QueueUrl=stage.settings.memory_queue_url, AttributeNames=names)
        time.sleep(0.2)
        return not any(int(value) for value in answer["Attributes"].values())

    world.until("memory to have indexed all", empty, 120)


def requests_per_message(world: World, customer: Customer, messages: int = 20) -> dict[str, float]:
    """AWS requests that a message in a running conversation costs, by service and action."""
    person, secret = Person.new(), _secret(customer)
    world.ask(customer, person, "warm up")
    wait_for_memory(world)
    world.aws("POST", "requests/reset")
    for number in range(messages):
        _post(world, customer, secret, person, f"counted message {number}")
        world.until("the answer", partial(_at_least, number + 2, world, customer, person))
    wait_for_memory(world)
    counts = world.aws("GET", "requests")["by_action"]
    counts.pop("sqs.GetQueueAttributes", None)
    found = {f"AWS requests per message: {name}": round(value / messages, 2) for name, value in counts.items()}
    return {"AWS requests per message: all": round(sum(counts.values()) / messages, 2), **found}


def first_prompt(world: World) -> dict[str, float]:
    """Bytes of the first request to the model for "hi"."""
    customer = world.customer()
    world.ask(customer, Person.new(), "hi")
    (call,) = world.model_calls(customer)
    return {'the first prompt for "hi", bytes': len(json.dumps(call["request"]).encode())}
