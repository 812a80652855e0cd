"""A bot that Telegram cannot post to: the relay fetches its updates and brings them to the same webhook."""

from __future__ import annotations

import asyncio

import pytest

from local.relay import Relay
from local.relay_source import pairing_source
from manyclaw.telegram import channel_status, pair, relay_pairings, webhook_calls
from tests.integration.world import Person, World

pytestmark = pytest.mark.integration


def test_a_bot_without_a_webhook_answers_through_the_relay(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given that the simulated Telegram stands for the real one, which does not post to 127.0.0.1
    table, default = world.operator.table, world.operator.stage.telegram_api_urls[0]
    monkeypatch.setattr(webhook_calls, "REAL_TELEGRAM", default)
    acme, ann = world.customer(), Person.new()
    paired = pair(
        acme.scope, table, acme.token, api_urls=[default], webhook_base=world.stack["front_door"], allow_relay=True
    )
    assert paired.webhook_url == ""
    status = channel_status(acme.scope, table, default)
    assert (status.delivery, status.problems) == ("relay", [])
    assert [each.tenant for each in relay_pairings(table, world.operator.scopes, default)].count(acme.id) == 1
    world.say(acme, ann, "hello")

    # When the relay runs
    async def relay() -> str:
        running = asyncio.create_task(
            Relay(world.stack["front_door"], pairing_source(world.stack), refresh_seconds=0.2, long_poll=1).run()
        )
        try:
            return await asyncio.to_thread(
                lambda: world.until("the answer", lambda: world.answers(acme, ann.id), seconds=30)[0]
            )
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    # Then the bot answers
    assert "hello" in asyncio.run(relay())
    # And with a public address it gets its webhook back
    again = pair(acme.scope, table, acme.token, api_urls=[default], webhook_base=world.stack["front_door"])
    assert again.webhook_url
    assert acme.id not in [each.tenant for each in relay_pairings(table, world.operator.scopes, default)]
