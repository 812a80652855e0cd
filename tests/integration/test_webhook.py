"""The way in fails closed, and nothing malformed gets through or breaks it."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from manyclaw.tenancy import TELEGRAM_WEBHOOK_SECRET, get_secret
from tests.integration.world import Customer, Person, World

pytestmark = pytest.mark.integration

SECRET = "X-Telegram-Bot-Api-Secret-Token"


def _post(world: World, tenant: str, body: bytes, secret: str | None) -> int:
    headers = {} if secret is None else {SECRET: secret}
    status: int = world.request("POST", f"{world.stack['front_door']}/telegram/{tenant}", body, headers).status
    return status


def _secret(of: Customer) -> str:
    secret = get_secret(of.scope, TELEGRAM_WEBHOOK_SECRET)
    assert secret
    return secret


def _update(update_id: int, person: Person, text: str) -> dict[str, Any]:
    return {
        "update_id": update_id,
        "message": {
            "message_id": update_id,
            "date": 1_763_800_000,
            "chat": {"id": person.id, "type": "private", "first_name": person.name},
            "from": person.as_sender(),
            "text": text,
        },
    }


def test_every_wrong_knock_is_refused_alike(world: World) -> None:
    # Given a paired tenant, one that is not paired, and one that is not there
    acme, globex = world.customer(), world.customer()
    world.operator.registry.create(unpaired := f"{acme.id}-u")
    body = json.dumps(_update(1, Person.new(), "let me in")).encode()
    # Then no secret, a wrong one, another tenant's, an empty and a long one all get the same answer
    for tenant in (acme.id, unpaired, "no-such-tenant", "UPPER", "a%23b", "x" * 33):
        for secret in (None, "", "wrong", _secret(globex), "é" * 10, "x" * 4_000):
            assert _post(world, tenant, body, secret) == 401, (tenant, secret)
    assert _post(world, acme.id, body, _secret(acme)) == 200


def test_three_hundred_malformed_bodies_are_refused_and_harm_nothing(world: World) -> None:
    acme = world.customer()
    secret = _secret(acme)
    ann = Person.new()
    good = json.dumps(_update(77, ann, "hello")).encode()
    chance = random.Random(20261122)
    bodies = [good[: chance.randrange(len(good))] for _ in range(100)]
    bodies += [bytes(chance.randrange(256) for _ in range(chance.randrange(1, 200))) for _ in range(100)]
    bodies += [b"[" * depth for depth in range(1, 31)]
    values: list[Any] = [None, True, 1, "x", [], {}, [{}], {"update_id": None}]
    numbers: list[Any] = ["1", 1.5, True, [], {}, None, -1, 2**70]
    messages: list[Any] = [None, 1, "x", [], {}, {"chat": None}, {"chat": {"id": "7"}}, {"chat": {"id": 2**70}}]
    bodies += [json.dumps(value).encode() for value in values]
    bodies += [json.dumps({"update_id": number}).encode() for number in numbers]
    bodies += [json.dumps({"update_id": 5, "message": message}).encode() for message in messages]
    bodies += [b'{"update_id": 1, "x": "' + b"a" * size + b'"}' for size in range(1_000_000, 1_000_010)]
    bodies += [good.replace(b"77", b"NaN"), good.replace(b'"hello"', b"Infinity"), b"\xef\xbb\xbf" + good, b"\x00" * 10]
    while len(bodies) < 300:
        at = chance.randrange(len(good) // 2)
        bodies.append(good[:at] + b"\x01" + good[at:-1])
    # When each is posted with the right secret
    statuses = [_post(world, acme.id, body, secret) for body in bodies]
    # Then each is a 400, and the bot answers as before
    assert len(bodies) >= 300
    assert {(status, body[:60]) for status, body in zip(statuses, bodies, strict=True) if status != 400} == set()
    assert "hello" in world.ask(acme, ann, "hello")


def test_kinds_that_are_not_handled_are_taken_and_forgotten(world: World) -> None:
    acme = world.customer()
    for body in (b'{"update_id": 3, "poll": {"id": "9"}}', b'{"update_id": 4}', b'{"update_id": 5, "new_kind": {}}'):
        assert _post(world, acme.id, body, _secret(acme)) == 200
    assert not world.model_calls(acme)


def test_an_update_that_comes_again_is_answered_once(world: World) -> None:
    acme = world.customer()
    ann = Person.new()
    # When it comes three times at once, and again six minutes later, past the queue's own window
    update_id = world.say(acme, ann, "only once")["update_id"]
    assert [world.repeat(acme, update_id) for _ in range(2)] == [200, 200]
    world.until("the answer", lambda: world.answers(acme, ann.id))
    world.pass_time(360)
    assert world.repeat(acme, update_id) == 200
    # Then a later message is the next to be answered
    assert "after" in world.ask(acme, ann, "after")
    assert len(world.answers(acme, ann.id)) == 2
    assert len(world.model_calls(acme)) == 2
    world.check_books(acme)


def test_pairing_again_changes_the_secret_and_loses_no_message(world: World) -> None:
    from manyclaw.telegram import pair

    acme = world.customer()
    ann = Person.new()
    world.ask(acme, ann, "before")
    old = _secret(acme)
    stage = world.operator.stage
    pair(acme.scope, world.operator.table, acme.token, api_urls=stage.telegram_api_urls, webhook_base=stage.public_url)
    assert "after" in world.ask(acme, ann, "after")
    body = json.dumps(_update(900, ann, "old secret")).encode()
    world.until("the old secret to be refused", lambda: _post(world, acme.id, body, old) == 401, 40)
