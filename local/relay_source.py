"""Where the relay learns which bots to relay: the one place that knows how pairings are kept."""

import asyncio
import importlib
from collections.abc import Sequence
from typing import Any

from local.dev.settings import REAL_TELEGRAM
from local.relay import Pairing, Pairings


def pairing_source(stack: dict[str, Any]) -> Pairings | None:
    """A provider of the pairings with the real Telegram, read with the operator's keys of stack.json.

    Expects `manyclaw.telegram.pairing.paired_bots(stack)`, which returns objects with tenant, token, secret and
    api_url. None if the product has no such function.
    """
    try:
        module = importlib.import_module("manyclaw.telegram.pairing")
        paired_bots = module.paired_bots
    except (ImportError, AttributeError):
        return None

    def read() -> Sequence[Pairing]:
        bots = (Pairing(bot.tenant, bot.token, bot.secret, bot.api_url.rstrip("/")) for bot in paired_bots(stack))
        return [bot for bot in bots if bot.api_url == REAL_TELEGRAM]

    async def pairings() -> Sequence[Pairing]:
        return await asyncio.to_thread(read)

    return pairings
