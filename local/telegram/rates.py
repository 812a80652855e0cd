"""Telegram's sending limits, for those who ask for them."""

import math
import time
from collections import deque

from local.telegram.entries import Bot
from local.telegram.errors import too_many_requests

GROUP_MESSAGES_A_MINUTE = 20


class Rates:
    """About one message a second in a chat, and twenty a minute in a group."""

    def __init__(self, *, enforced: bool) -> None:
        self._enforced = enforced
        self._sent: dict[tuple[int, str], deque[float]] = {}

    def check(self, bot: Bot, chat_id: str) -> None:
        """Count a message. Raises `BotApiError` 429 with the seconds to wait."""
        if not self._enforced:
            return
        now = time.monotonic()
        sent = self._sent.setdefault((bot.id, chat_id), deque())
        while sent and now - sent[0] >= 60:
            sent.popleft()
        wait = 1.0 - (now - sent[-1]) if sent else 0.0
        if chat_id.startswith("-") and len(sent) >= GROUP_MESSAGES_A_MINUTE:
            wait = 60.0 - (now - sent[0])
        if wait > 0:
            raise too_many_requests(max(1, math.ceil(wait)))
        sent.append(now)
