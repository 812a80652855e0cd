"""getUpdates: long polling with an offset, for bots without a webhook."""

import asyncio
import contextlib
import json
from typing import Any

from local.telegram.arguments import Arguments
from local.telegram.delivery import Delivery
from local.telegram.entries import Bot
from local.telegram.errors import BotApiError
from local.telegram.store import PendingUpdate
from local.telegram.updates import read_allowed_updates
from local.telegram.world import World

LONGEST_POLL = 50


class Polling:
    """One poll a bot at a time; a newer one ends the older with 409, as in Telegram."""

    def __init__(self, world: World, delivery: Delivery) -> None:
        self._world = world
        self._delivery = delivery
        self._arrived: dict[int, asyncio.Event] = {}
        self._newest: dict[int, object] = {}
        world.on_update(self._wake)

    def _wake(self, bot: Bot, _: PendingUpdate) -> None:
        if bot.id in self._arrived:
            self._arrived[bot.id].set()

    async def get_updates(self, bot: Bot, arguments: Arguments) -> list[dict[str, Any]]:
        """Updates from ``offset`` on; those before it are confirmed and gone.

        Raises `BotApiError` 409 while a webhook is set, or when another poll of the same bot takes over.
        """
        if bot.webhook_url:
            raise BotApiError(
                409,
                "Conflict: can't use getUpdates method while webhook is active; "
                "use deleteWebhook to delete the webhook first",
            )
        self._read_settings(bot, arguments)
        limit = min(max(arguments.integer("limit", 100), 1), 100)
        turn = self._newest[bot.id] = object()
        self._interrupt(bot)
        arrived = self._arrived[bot.id] = asyncio.Event()
        pending = self._world.store.pending(bot.id, limit)
        timeout = min(arguments.integer("timeout"), LONGEST_POLL)
        if not pending and timeout > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(arrived.wait(), timeout)
            if self._newest.get(bot.id) is not turn:
                raise BotApiError(
                    409,
                    "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running",
                )
            pending = self._world.store.pending(bot.id, limit)
        return [json.loads(update.body) for update in pending]

    def _interrupt(self, bot: Bot) -> None:
        if bot.id in self._arrived:
            self._arrived[bot.id].set()

    def _read_settings(self, bot: Bot, arguments: Arguments) -> None:
        allowed = read_allowed_updates(arguments)
        if allowed is not None and allowed != bot.allowed_updates:
            bot.allowed_updates = allowed
            self._world.save_bot(bot)
        offset = arguments.integer("offset")
        if offset > 0:
            self._world.store.confirm(bot.id, before=offset)
        elif offset < 0:
            waiting = self._world.store.pending(bot.id)
            if len(waiting) > -offset:
                self._world.store.confirm(bot.id, before=waiting[offset].update_id)
