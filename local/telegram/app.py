"""The simulated Telegram as an aiohttp application."""

from collections.abc import AsyncIterator
from pathlib import Path

from aiohttp import web

from local.telegram.bot_api import BotApi
from local.telegram.calls import CallLog
from local.telegram.chat_page import ChatPage
from local.telegram.control import Control
from local.telegram.delivery import Delivery
from local.telegram.events import EventHub
from local.telegram.faults import Faults
from local.telegram.rates import Rates
from local.telegram.store import Store
from local.telegram.world import World

MAX_BODY = 52 * 1024 * 1024
"""Bytes; Telegram takes uploads of 50 MB."""


def create_app(
    state: Path,
    *,
    enforce_rates: bool = False,
    retry_seconds: float = 2.0,
    webhook_timeout_seconds: float = 60.0,
) -> web.Application:
    """The whole simulator.

    Parameters
    ----------
    state
        Folder of the database; made if need be. One process at a time.
    enforce_rates
        Refuse more than about one message a second and chat with 429.
    retry_seconds
        First wait before a failed webhook is tried again, doubled up to 60.
    webhook_timeout_seconds
        How long a webhook may take.

    Example
    -------
    >>> web.run_app(create_app(Path(".state")), host="127.0.0.1", port=8081)  # doctest: +SKIP
    """
    app = web.Application(client_max_size=MAX_BODY)
    store, hub, calls, faults = Store(state), EventHub(), CallLog(), Faults()
    world = World(store, hub)
    delivery = Delivery(world, retry_seconds=retry_seconds, timeout_seconds=webhook_timeout_seconds)
    BotApi(world, delivery, calls, faults, Rates(enforced=enforce_rates)).add_routes(app)
    Control(world, delivery, calls, faults).add_routes(app)
    ChatPage(world, hub).add_routes(app)

    async def run(_: web.Application) -> AsyncIterator[None]:
        await delivery.start()
        yield
        faults.clear()
        await delivery.stop()
        store.close()

    app.cleanup_ctx.append(run)
    return app
