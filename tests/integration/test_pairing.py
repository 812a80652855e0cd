"""Pairing heals whatever was left halfway, and loses no update on the way."""

from __future__ import annotations

import pytest

from local.seed import seed
from manyclaw.errors import BadInput, Conflict, Unavailable
from manyclaw.telegram import Pairing, channel_status, load_pairing, pair, unpair
from manyclaw.tenancy import Registry, TenantScope
from tests.integration.world import Customer, Person, World

pytestmark = pytest.mark.integration


def _pair(world: World, scope: TenantScope, token: str) -> Pairing:
    stage = world.operator.stage
    return pair(scope, world.operator.table, token, api_urls=stage.telegram_api_urls[:1], webhook_base=stage.public_url)


def _state(world: World, of: Customer) -> tuple[str, list[str]]:
    found = channel_status(of.scope, world.operator.table, world.operator.stage.telegram_api_urls[0])
    return found.state, found.problems


def test_pairing_again_changes_the_secret_and_the_bot_goes_on(world: World) -> None:
    acme, ann = world.customer(), Person.new()
    world.ask(acme, ann, "one")
    before = load_pairing(acme.scope)
    after = _pair(world, acme.scope, acme.token)
    assert before
    assert (after.bot_id, after.version == before.version) == (before.bot_id, False)
    world.ask(acme, ann, "two")
    assert _state(world, acme) == ("ok", [])


def test_a_webhook_that_telegram_refuses_leaves_the_old_pairing_working(world: World) -> None:
    acme, ann = world.customer(), Person.new()
    with pytest.raises(BadInput, match="does not take the webhook"):
        pair(
            acme.scope,
            world.operator.table,
            acme.token,
            api_urls=world.operator.stage.telegram_api_urls[:1],
            webhook_base="ftp://nowhere",
        )
    assert world.ask(acme, ann, "still there?")
    assert _state(world, acme) == ("ok", [])


def test_a_pairing_that_died_after_set_webhook_is_seen_and_healed_and_its_updates_come_late(world: World) -> None:
    # Given that Telegram holds a secret that we have never stored
    acme, ann = world.customer(), Person.new()
    url = f"{world.operator.stage.public_url}/telegram/{acme.id}"
    body = {"url": url, "secret_token": "somebody-elses", "allowed_updates": ["message"]}
    call = f"{world.stack['telegram_api_url']}/bot{acme.token}/setWebhook"
    world.until("setWebhook is taken, a second after the last", lambda: world.request("POST", call, body).status == 200)
    # When a person writes, the update is refused and waits at Telegram
    world.say(acme, ann, "hello")
    world.until("the trouble shows", lambda: "401" in " ".join(_state(world, acme)[1]))
    # Then pairing again brings it in
    _pair(world, acme.scope, acme.token)
    world.until("the answer", lambda: world.answers(acme, ann.id))
    assert _state(world, acme) == ("ok", [])


def test_telegram_asking_for_patience_is_waited_out(world: World) -> None:
    acme = world.customer()
    world.telegram(
        "POST", "faults", {"method": "setWebhook", "bot": acme.username, "times": 1, "status": 429, "retry_after": 1}
    )
    _pair(world, acme.scope, acme.token)
    assert _state(world, acme) == ("ok", [])


def test_telegram_being_down_changes_nothing(world: World) -> None:
    acme = world.customer()
    before = load_pairing(acme.scope)
    world.telegram("POST", "faults", {"method": "setWebhook", "bot": acme.username, "times": 9, "status": 502})
    with pytest.raises(Unavailable):
        _pair(world, acme.scope, acme.token)
    assert load_pairing(acme.scope) == before


def test_changing_the_bot_lets_the_old_one_go(world: World) -> None:
    acme, globex = world.customer(), world.customer()
    fresh = world.telegram("POST", "bots", {"username": f"{acme.username}_2", "name": "second"})
    _pair(world, acme.scope, fresh["token"])
    # Then the old bot has no webhook and is free for another tenant, and the new one is not
    hooks = {bot["username"]: bot["webhook"] for bot in world.telegram("GET", "bots")["bots"]}
    assert hooks[acme.username] == ""
    with pytest.raises(Conflict):
        _pair(world, globex.scope, fresh["token"])
    _pair(world, globex.scope, acme.token)


def test_unpairing_is_safe_to_repeat_and_what_is_written_meanwhile_waits(world: World) -> None:
    acme, ann = world.customer(), Person.new()
    for _ in range(2):
        assert unpair(acme.scope, world.operator.table, world.operator.stage.telegram_api_urls[0]) == []
    assert _state(world, acme) == ("unpaired", [])
    world.say(acme, ann, "are you there?")
    _pair(world, acme.scope, acme.token)
    world.until("the late answer", lambda: world.answers(acme, ann.id))


def test_a_tenant_that_was_half_made_is_finished(world: World) -> None:
    # Given that the making dies before the tenant goes live
    registry: Registry = world.operator.registry
    name = f"{world.customer().id}-h"

    def die(scope: TenantScope) -> None:
        raise RuntimeError("the machine went away")

    with pytest.raises(RuntimeError):
        registry.create(name, prepare=die)
    with pytest.raises(Conflict, match="interrupted"):
        registry.suspend(name)
    # Then making it again finishes it, and once more is a conflict
    assert registry.create(name).status == "active"
    with pytest.raises(Conflict, match="already"):
        registry.create(name)


def test_the_seed_leaves_alone_what_a_person_changed(world: World) -> None:
    scope = world.operator.scope("customer-acme")
    before = load_pairing(scope)
    seed(world.stack)
    assert load_pairing(scope) == before
