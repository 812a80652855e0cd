"""The simulated model as an aiohttp application."""

import time
from collections.abc import Callable

from aiohttp import web

from local.model.account import Account
from local.model.api import Api
from local.model.cache import PromptCache
from local.model.calls import CallLog
from local.model.control import Control
from local.model.faults import Faults
from local.model.organization import Organization

MAX_BODY = 32 * 1024 * 1024
"""Bytes; Anthropic's own limit of a request."""


def create_app(
    *,
    min_cache_tokens: int = 1024,
    context_window: int = 200_000,
    clock: Callable[[], float] = time.monotonic,
    now: Callable[[], float] = time.time,
) -> web.Application:
    """The whole simulator.

    Parameters
    ----------
    min_cache_tokens
        Prefixes shorter than this are not cached.
    context_window
        Tokens; a longer prompt is refused as Anthropic refuses it.
    clock
        Seconds, for the cache's lifetimes.
    now
        Seconds since 1970, for the day on whose bill a call stands.

    Example
    -------
    >>> web.run_app(create_app(), host="127.0.0.1", port=8082)  # doctest: +SKIP
    """
    app = web.Application(client_max_size=MAX_BODY)
    cache, calls, faults = PromptCache(min_tokens=min_cache_tokens, clock=clock), CallLog(), Faults()
    account = Account(now)
    Api(cache, calls, faults, account, context_window).add_routes(app)
    Organization(account).add_routes(app)
    Control(cache, calls, faults).add_routes(app)

    async def let_go(_: web.Application) -> None:
        faults.clear()

    app.on_shutdown.append(let_go)
    return app
