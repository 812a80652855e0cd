"""setWebhook and deleteWebhook, with what Telegram's rules make of them."""

from __future__ import annotations

import ipaddress
import time
from typing import Any
from urllib.parse import urlsplit

from manyclaw.errors import BadInput, Unavailable
from manyclaw.settings import REAL_TELEGRAM
from manyclaw.telegram.bot import Bot, TelegramRefused, TelegramUnavailable

ALLOWED_UPDATES = ["message"]
MAX_CONNECTIONS = 40
NO_SUCH_BOT = (401, 404)
"""What Telegram answers for a token that it does not know (any more)."""


def set_webhook(bot: Bot, url: str, secret: str, *, allow_relay: bool) -> str:
    """Have Telegram post to ``url``; what is pending stays pending.

    Returns
    -------
    str
        ``url``; or "" when the real Telegram cannot reach it and, with ``allow_relay``, the bot was left to a relay.

    Raises
    ------
    BadInput
        Telegram does not take the address.
    Unavailable
        Telegram did not answer.
    """
    if allow_relay and bot.api_url == REAL_TELEGRAM and not is_public(url):
        _patiently(bot, "deleteWebhook", {"drop_pending_updates": False})
        return ""
    arguments = {
        "url": url,
        "secret_token": secret,
        "allowed_updates": ALLOWED_UPDATES,
        "max_connections": MAX_CONNECTIONS,
        "drop_pending_updates": False,
    }
    try:
        _patiently(bot, "setWebhook", arguments)
    except TelegramRefused as error:
        raise BadInput(
            f"Telegram does not take the webhook {url}: {error.description}.",
            hint="It needs an https address that can be reached from the internet.",
        ) from None
    return url


def delete_webhook(bot: Bot) -> list[str]:
    """Have Telegram post no more. Best effort: gives in words what could not be done, and never raises."""
    try:
        bot.call("deleteWebhook", {"drop_pending_updates": False}, timeout=5)
    except TelegramRefused as error:
        if error.code in NO_SUCH_BOT:
            return ["Telegram no longer knows the bot's token; there was no webhook to remove."]
        return [f"Telegram did not remove the webhook: {error.description}."]
    except TelegramUnavailable as error:
        return [f"The webhook is still set at Telegram ({error.message}); what it sends is refused here."]
    return []


def is_public(url: str) -> bool:
    """Whether Telegram could reach the address at all: https, and no loopback or private host."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme != "https":
        return False
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        return "." in host and not host.endswith((".local", ".localhost", ".internal"))


def _patiently(bot: Bot, method: str, arguments: dict[str, Any], tries: int = 3) -> None:
    """Telegram takes about one setWebhook a second and bot; a short retry_after is waited out."""
    for left in reversed(range(tries)):
        try:
            bot.call(method, arguments)
            return
        except TelegramUnavailable as error:
            if not left or error.retry_after is None or error.retry_after > 5:
                raise Unavailable(error.message, hint="Pair again.", retry_after=error.retry_after) from None
            time.sleep(error.retry_after)
