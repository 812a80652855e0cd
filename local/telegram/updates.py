"""setWebhook, deleteWebhook, getWebhookInfo."""

import re
import time
from typing import Any
from urllib.parse import urlsplit

from local.telegram.arguments import Arguments
from local.telegram.delivery import Delivery
from local.telegram.entries import Bot
from local.telegram.errors import bad_request, too_many_requests
from local.telegram.world import World

UPDATE_TYPES = frozenset(
    {
        "message",
        "edited_message",
        "channel_post",
        "edited_channel_post",
        "business_connection",
        "business_message",
        "edited_business_message",
        "deleted_business_messages",
        "message_reaction",
        "message_reaction_count",
        "inline_query",
        "chosen_inline_result",
        "callback_query",
        "shipping_query",
        "pre_checkout_query",
        "purchased_paid_media",
        "poll",
        "poll_answer",
        "my_chat_member",
        "chat_member",
        "chat_join_request",
        "chat_boost",
        "removed_chat_boost",
        "managed_bot",
    }
)


def read_allowed_updates(arguments: Arguments) -> list[str] | None:
    """The kinds asked for; None where the argument is missing (keep what was). Unknown names are ignored."""
    value = arguments.json("allowed_updates")
    if value is None:
        return None
    if not isinstance(value, list):
        raise bad_request("can't parse allowed updates: expected an Array")
    return [kind for kind in value if isinstance(kind, str) and kind in UPDATE_TYPES]


class Webhooks:
    """The webhook methods."""

    def __init__(self, world: World, delivery: Delivery) -> None:
        self._world = world
        self._delivery = delivery
        self._last_set: dict[int, float] = {}

    def set_webhook(self, bot: Bot, arguments: Arguments) -> tuple[bool, str]:
        """(True, Telegram's note). Raises `BotApiError` 400, or 429 when called twice within a second."""
        url = arguments.text("url")
        if not url:
            return self.delete_webhook(bot, arguments)
        self._check(url, arguments.text("secret_token"))
        allowed = read_allowed_updates(arguments)
        now = time.monotonic()
        if now - self._last_set.get(bot.id, -10.0) < 1.0:
            raise too_many_requests(1)
        self._last_set[bot.id] = now
        before = bot.data()
        bot.webhook_url = url
        bot.secret_token = arguments.text("secret_token")
        bot.max_connections = min(max(arguments.integer("max_connections", 40), 1), 100)
        if allowed is not None:
            bot.allowed_updates = allowed
        changed = bot.data() != before
        if changed:
            bot.last_error_date, bot.last_error_message = 0, ""
            self._world.save_bot(bot)
        if arguments.flag("drop_pending_updates"):
            self._delivery.drop_pending(bot)
        self._delivery.webhook_changed(bot)
        return True, "Webhook was set" if changed else "Webhook is already set"

    def _check(self, url: str, secret: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise bad_request("bad webhook: An HTTPS URL must be provided for webhook")
        if len(secret) > 256:
            raise bad_request("secret token is too long")
        if secret and not re.fullmatch(r"[A-Za-z0-9_-]+", secret):
            raise bad_request("secret token contains unallowed characters")

    def delete_webhook(self, bot: Bot, arguments: Arguments) -> tuple[bool, str]:
        """(True, Telegram's note); what waits stays for getUpdates unless ``drop_pending_updates``."""
        had_one = bool(bot.webhook_url)
        bot.webhook_url, bot.secret_token = "", ""
        bot.last_error_date, bot.last_error_message = 0, ""
        self._world.save_bot(bot)
        self._delivery.webhook_changed(bot)
        if arguments.flag("drop_pending_updates"):
            self._delivery.drop_pending(bot)
        return True, "Webhook was deleted" if had_one else "Webhook is already deleted"

    def info(self, bot: Bot) -> dict[str, Any]:
        """Telegram's WebhookInfo."""
        info: dict[str, Any] = {
            "url": bot.webhook_url,
            "has_custom_certificate": False,
            "pending_update_count": self._world.store.pending_count(bot.id),
        }
        if bot.webhook_url:
            info["max_connections"] = bot.max_connections
            info["ip_address"] = "127.0.0.1"
        if bot.last_error_date:
            info["last_error_date"] = bot.last_error_date
            info["last_error_message"] = bot.last_error_message
        if bot.allowed_updates:
            info["allowed_updates"] = bot.allowed_updates
        return info
