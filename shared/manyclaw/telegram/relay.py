"""The bots that Telegram cannot post to: a relay fetches their updates and brings them to the same webhook."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from manyclaw.errors import Refused, Unavailable
from manyclaw.telegram.bot import Bot
from manyclaw.telegram.pairing import load_pairing, open_bot
from manyclaw.tenancy import TELEGRAM_WEBHOOK_SECRET, GatewayTable, ScopeFactory, get_secret


@dataclass(frozen=True)
class Relayed:
    """A bot whose updates a relay fetches (getUpdates) and posts to the webhook with ``secret``.

    ``version`` changes when the tenant is paired anew, and with it the secret.
    """

    tenant: str
    bot: Bot
    secret: str = field(repr=False)
    version: str


def relay_pairings(table: GatewayTable, scopes: ScopeFactory, default_api_url: str) -> Iterator[Relayed]:
    """The bots that a relay has to serve now: one Query, and three reads for each of them.

    A bot that is just being paired or unpaired is left out; the next look will show it.
    """
    for row in table.all("WEBHOOK#"):
        if not row.get("relayed"):
            continue
        scope = scopes.open(str(row["sk"]).removeprefix("WEBHOOK#"))
        pairing, secret = load_pairing(scope), get_secret(scope, TELEGRAM_WEBHOOK_SECRET)
        if pairing is None or secret is None:
            continue
        try:
            yield Relayed(scope.tenant, open_bot(scope, pairing, default_api_url), secret, pairing.version)
        except (Refused, Unavailable):
            continue
