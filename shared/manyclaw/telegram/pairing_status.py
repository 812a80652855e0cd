"""What Telegram says of a tenant's bot beside what we hold, and whether the two agree."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from manyclaw.errors import Refused, Unavailable
from manyclaw.telegram.bot import TelegramRefused, TelegramUnavailable
from manyclaw.telegram.pairing import Pairing, load_pairing, open_bot
from manyclaw.telegram.webhook_calls import NO_SUCH_BOT
from manyclaw.tenancy import TELEGRAM_WEBHOOK_SECRET, GatewayTable, TenantScope, get_secret

PAIR_AGAIN = "Pair it again: `manyclaw channels pair telegram`."


@dataclass
class ChannelStatus:
    """A tenant's Telegram channel.

    Attributes
    ----------
    state
        ``ok``, ``attention`` or ``unpaired``.
    delivery
        ``webhook``, ``relay`` or "".
    pending
        Updates that wait at Telegram; None when Telegram could not be asked.
    problems
        What does not agree and what to do, in words.
    """

    tenant: str
    state: str = "ok"
    username: str = ""
    link: str = ""
    delivery: str = ""
    webhook_url: str = ""
    pending: int | None = None
    paired_at: str = ""
    problems: list[str] = field(default_factory=list)


def channel_status(scope: TenantScope, table: GatewayTable, default_api_url: str) -> ChannelStatus:
    """The state of the tenant's channel: some reads, and one call of getWebhookInfo."""
    status = ChannelStatus(scope.tenant)
    pairing = load_pairing(scope)
    webhook = table.get(f"WEBHOOK#{scope.tenant}")
    if pairing is None:
        status.state = "unpaired"
        if webhook is not None:
            status.problems.append(f"A pairing was interrupted. {PAIR_AGAIN}")
    else:
        status.username, status.link = pairing.username, pairing.link
        status.delivery = "webhook" if pairing.webhook_url else "relay"
        status.webhook_url, status.paired_at = pairing.webhook_url, pairing.paired_at
        status.problems += _own_problems(scope, pairing, webhook)
        _ask_telegram(scope, pairing, default_api_url, status)
    if status.problems:
        status.state = "attention"
    return status


def _own_problems(scope: TenantScope, pairing: Pairing, webhook: dict[str, Any] | None) -> list[str]:
    secret = get_secret(scope, TELEGRAM_WEBHOOK_SECRET)
    digest = hashlib.sha256((secret or "").encode()).hexdigest()
    if webhook is None or webhook["bot_id"] != pairing.bot_id or webhook["secret_sha256"] != digest:
        return [f"The pairing is not complete: the webhook refuses what Telegram sends. {PAIR_AGAIN}"]
    return []


def _ask_telegram(scope: TenantScope, pairing: Pairing, default_api_url: str, status: ChannelStatus) -> None:
    try:
        info = open_bot(scope, pairing, default_api_url).call("getWebhookInfo", timeout=5)
    except TelegramRefused as error:
        gone = error.code in NO_SUCH_BOT
        problem = "Telegram no longer knows the token: get a new one from @BotFather, then pair with it."
        status.problems.append(problem if gone else error.message)
    except (TelegramUnavailable, Unavailable, Refused) as error:
        status.problems.append(str(error))
    else:
        status.pending = int(info.get("pending_update_count", 0))
        status.problems += compare(pairing, info)


def compare(pairing: Pairing, info: dict[str, Any]) -> list[str]:
    """What is wrong with Telegram's WebhookInfo, seen from ``pairing``; in words, with what to do."""
    url = str(info.get("url", ""))
    if url != pairing.webhook_url:
        if not url:
            return [f"Telegram has no webhook for this bot: something else removed it. {PAIR_AGAIN}"]
        if not pairing.webhook_url:
            return [f"Telegram posts to {url}, so the relay gets nothing. {PAIR_AGAIN}"]
        return [f"Telegram posts to {url}, not to {pairing.webhook_url}. {PAIR_AGAIN}"]
    message = str(info.get("last_error_message", ""))
    if not message or not info.get("pending_update_count"):
        return []
    at = datetime.fromtimestamp(int(info.get("last_error_date", 0)), UTC)
    advice = (
        PAIR_AGAIN if "401" in message else "Telegram goes on trying for 24 hours; `manyclaw info` tells how we are."
    )
    return [f"Telegram's delivery of {at:%Y-%m-%d %H:%M} UTC failed: {message}. {advice}"]
