"""Where the relay learns which bots to relay: from the pairings that no webhook was set for."""

import asyncio
from collections.abc import Sequence
from typing import Any

from cli.context import Operator
from cli.stage import local_stage
from local.relay import Pairing, Pairings
from manyclaw.telegram import relay_pairings


def pairing_source(stack: dict[str, Any]) -> Pairings:
    """A provider of the relayed pairings, read with the operator's keys of stack.json."""
    operator = Operator(local_stage(stack))
    default_api_url = operator.stage.telegram_api_urls[0]

    def read() -> Sequence[Pairing]:
        found = relay_pairings(operator.table, operator.scopes, default_api_url)
        return [Pairing(each.tenant, each.bot.token, each.secret, each.bot.api_url) for each in found]

    async def pairings() -> Sequence[Pairing]:
        return await asyncio.to_thread(read)

    return pairings
