"""Pairing: which bot is a tenant's, and the secret by which Telegram proves that an update is for it.

Four places must agree, and no transaction spans them: Telegram's webhook, the tenant's secrets in SSM, its row
``PAIRING#telegram``, and the operator's rows ``BOT#{bot id}`` and ``WEBHOOK#{tenant}``. The order is:

1. ``BOT#{bot id}`` is claimed for the tenant, so that no two tenants ever share a bot;
2. setWebhook with a new secret: until Telegram has taken it nothing of ours has changed, and a refusal leaves an
   older pairing working;
3. the secrets, the tenant's row, and last the hash that the webhook checks;
4. a bot that the tenant had before is let go.

Between 2 and the end of 3 Telegram shows a secret whose hash we do not hold yet and is answered 401. It repeats what
was not answered 2xx for 24 hours (https://core.telegram.org/bots/api#setwebhook), so nothing is lost in that moment,
nor if the process dies there: pairing again makes a new secret and heals whatever was left halfway.
"""

from __future__ import annotations

import hashlib
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from manyclaw.audit import intent
from manyclaw.aws import TransactionRefused, from_item, to_item, transact
from manyclaw.errors import BadInput, Conflict, Refused, Unavailable
from manyclaw.telegram.bot import Bot, TelegramRefused, TelegramUnavailable
from manyclaw.telegram.webhook_calls import NO_SUCH_BOT, delete_webhook, set_webhook
from manyclaw.tenancy import (
    TELEGRAM_TOKEN,
    TELEGRAM_WEBHOOK_SECRET,
    GatewayTable,
    TenantScope,
    delete_secret,
    get_secret,
    put_secret,
    serving_status,
    utc_now,
)

PAIRING = "PAIRING#telegram"

_SECRET_BYTES = 32


@dataclass(frozen=True)
class Pairing:
    """A tenant's row ``PAIRING#telegram``.

    Attributes
    ----------
    api_url
        The Bot API server that knows the bot; "" is the deployment's default.
    webhook_url
        Where Telegram posts; "" when a relay fetches the updates instead.
    version
        Changes with every pairing, so that a process knows when the token it holds is out of date.
    """

    bot_id: int
    username: str
    name: str
    api_url: str
    webhook_url: str
    version: str
    paired_at: str

    @property
    def link(self) -> str:
        return f"https://t.me/{self.username}"


def pairing_of(row: dict[str, Any]) -> Pairing:
    """The pairing that a row ``PAIRING#telegram`` holds."""
    named = {name: str(row[name]) for name in Pairing.__dataclass_fields__ if name != "bot_id"}
    return Pairing(bot_id=int(row["bot_id"]), **named)


def load_pairing(scope: TenantScope) -> Pairing | None:
    """The tenant's pairing, read consistently."""
    answer = scope.clients.dynamodb.get_item(TableName=scope.table, Key=scope.key(PAIRING).wire(), ConsistentRead=True)
    return pairing_of(from_item(dict(answer["Item"]))) if "Item" in answer else None


def open_bot(scope: TenantScope, pairing: Pairing, default_api_url: str) -> Bot:
    """The session with the tenant's bot; costs a read of the token.

    Raises
    ------
    Refused
        The token is gone: the tenant is being unpaired.
    Unavailable
        The token is already another bot's: a pairing is under way.
    """
    token = get_secret(scope, TELEGRAM_TOKEN)
    if token is None:
        raise Refused(f"Tenant {scope.tenant} has no bot token.", hint="Pair it again.")
    if _bot_id(token) != pairing.bot_id:
        raise Unavailable(f"Tenant {scope.tenant} is just being paired with another bot.", retry_after=2)
    return Bot(pairing.api_url or default_api_url, token)


def pair(
    scope: TenantScope,
    table: GatewayTable,
    token: str,
    *,
    api_urls: Sequence[str],
    webhook_base: str,
    allow_relay: bool = False,
) -> Pairing:
    """Make the bot of ``token`` the tenant's, or renew the pairing. Safe to repeat at any time.

    Parameters
    ----------
    api_urls
        The Bot API servers that may know the token; the first is the deployment's default.
    webhook_base
        The public address of the deployment, without ``/telegram/{tenant}``.
    allow_relay
        Where Telegram could not reach ``webhook_base``, leave the bot to a relay instead of failing.

    Raises
    ------
    BadInput
        No server knows the token, or Telegram does not take the webhook's address.
    Conflict
        The bot is another tenant's, or this tenant is being deleted.
    Unavailable
        Telegram did not answer; do it again.
    """
    if serving_status(scope) in (None, "deleting"):
        raise Conflict(f"Tenant {scope.tenant} is not there, or is being deleted.")
    bot, me = _find_bot(token, api_urls)
    with intent(scope.audit, "pairing.pair", on=f"bot:{me['id']}") as told:
        pairing = _pair(scope, table, token, bot, me, api_urls, webhook_base, allow_relay)
        told["delivery"] = "webhook" if pairing.webhook_url else "relay"
    return pairing


def _pair(
    scope: TenantScope,
    table: GatewayTable,
    token: str,
    bot: Bot,
    me: dict[str, Any],
    api_urls: Sequence[str],
    webhook_base: str,
    allow_relay: bool,
) -> Pairing:
    if not table.put(f"BOT#{me['id']}", {"tenant": scope.tenant, "claimed_at": utc_now()}, unless="tenant"):
        raise Conflict(
            f"The bot @{me['username']} is paired with another tenant.",
            hint="Unpair it there first, or make another bot with @BotFather.",
        )
    before, old_token = load_pairing(scope), get_secret(scope, TELEGRAM_TOKEN)
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    webhook_url = set_webhook(bot, webhook_address(webhook_base, scope.tenant), secret, allow_relay=allow_relay)
    pairing = Pairing(
        bot_id=int(me["id"]),
        username=str(me["username"]),
        name=str(me.get("first_name", "")),
        api_url="" if bot.api_url == api_urls[0] else bot.api_url,
        webhook_url=webhook_url,
        version=str(uuid.uuid4()),
        paired_at=utc_now(),
    )
    put_secret(scope, TELEGRAM_WEBHOOK_SECRET, secret)
    put_secret(scope, TELEGRAM_TOKEN, token)
    _put_pairing(scope, pairing)
    _put_webhook(scope, table, pairing, secret)
    if before and old_token and _bot_id(old_token) == before.bot_id != pairing.bot_id:
        delete_webhook(Bot(before.api_url or api_urls[0], old_token))
    _release_bots(scope, table, keep=pairing.bot_id)
    return pairing


def webhook_address(base: str, tenant: str) -> str:
    """Where Telegram posts a tenant's updates."""
    return f"{base.rstrip('/')}/telegram/{tenant}"


def _find_bot(token: str, api_urls: Sequence[str]) -> tuple[Bot, dict[str, Any]]:
    for number, api_url in enumerate(api_urls):
        bot = Bot(api_url, token)
        try:
            return bot, bot.call("getMe")
        except TelegramRefused as error:
            if error.code not in NO_SUCH_BOT:
                raise
        except TelegramUnavailable as error:
            unknown = f"{api_urls[0]} does not know this token, and " if number else ""
            raise Unavailable(f"{unknown}{api_url} could not be asked about it: {error.message}") from None
    raise BadInput(
        f"No bot has this token (asked {', '.join(api_urls)}).",
        hint="@BotFather shows the right one: /mybots, the bot, API Token.",
    )


def _put_pairing(scope: TenantScope, pairing: Pairing) -> None:
    item = to_item({"pk": scope.key(PAIRING).pk, "sk": PAIRING, **asdict(pairing)})
    alive = {
        "TableName": scope.table,
        "Key": scope.key("META").wire(),
        "ConditionExpression": "attribute_exists(sk) AND #status <> :deleting",
        "ExpressionAttributeNames": {"#status": "status"},
        "ExpressionAttributeValues": to_item({":deleting": "deleting"}),
    }
    try:
        transact(scope.clients.dynamodb, [{"ConditionCheck": alive}, {"Put": {"TableName": scope.table, "Item": item}}])
    except TransactionRefused:
        raise Conflict(f"Tenant {scope.tenant} is being deleted.") from None


def _put_webhook(scope: TenantScope, table: GatewayTable, pairing: Pairing, secret: str) -> None:
    row = {
        "secret_sha256": hashlib.sha256(secret.encode()).hexdigest(),
        "bot_id": pairing.bot_id,
        "relayed": None if pairing.webhook_url else True,
        "updated_at": utc_now(),
    }
    table.put(f"WEBHOOK#{scope.tenant}", row)


def unpair(scope: TenantScope, table: GatewayTable, default_api_url: str) -> list[str]:
    """Part the tenant from its bot; safe to repeat. The bot's unread messages stay with Telegram.

    Our webhook stops taking updates first, then Telegram is told, then the token goes.

    Returns
    -------
    list[str]
        What could not be done at Telegram, in words; it does not stand in the way.
    """
    pairing, token = load_pairing(scope), get_secret(scope, TELEGRAM_TOKEN)
    with intent(scope.audit, "pairing.unpair", on=f"bot:{pairing.bot_id if pairing else 'none'}"):
        return _unpair(scope, table, default_api_url, pairing, token)


def _unpair(
    scope: TenantScope, table: GatewayTable, default_api_url: str, pairing: Pairing | None, token: str | None
) -> list[str]:
    table.delete(f"WEBHOOK#{scope.tenant}")
    notes = []
    if token is not None:
        api_url = (pairing.api_url if pairing else "") or default_api_url
        notes = delete_webhook(Bot(api_url, token))
    _release_bots(scope, table)
    scope.clients.dynamodb.delete_item(TableName=scope.table, Key=scope.key(PAIRING).wire())
    delete_secret(scope, TELEGRAM_TOKEN)
    delete_secret(scope, TELEGRAM_WEBHOOK_SECRET)
    return notes


def _release_bots(scope: TenantScope, table: GatewayTable, keep: int | None = None) -> None:
    """Let go of the bots that this tenant holds, also of those that an interrupted pairing left behind."""
    for row in table.all("BOT#"):
        if row["tenant"] == scope.tenant and row["sk"] != f"BOT#{keep}":
            table.delete(row["sk"], only_if={"tenant": scope.tenant})


def _bot_id(token: str) -> int:
    return int(token.partition(":")[0])
