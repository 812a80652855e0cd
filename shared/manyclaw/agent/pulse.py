"""Signs of life while a turn works: the queue's message stays ours, and the user sees that the bot is typing."""

from __future__ import annotations

import logging
from contextlib import suppress
from threading import Event, Lock, Thread

from manyclaw.aws import Clients
from manyclaw.errors import ManyclawError
from manyclaw.logs import fields
from manyclaw.settings import Settings
from manyclaw.telegram import Bot

log = logging.getLogger(__name__)

HELD_SECONDS = 20
"""How long the queue holds a message back after our last sign of life. The queue's own timeout is many minutes, as
Lambda wants it; shortening it at once lets a turn whose process died start anew within seconds."""

BEAT_SECONDS = 4.5
"""Telegram shows "typing" for five seconds."""


class Pulse:
    """Beats in threads of its own from :meth:`start` to :meth:`stop`. ``receipt_handle`` is the SQS message's."""

    def __init__(self, clients: Clients, settings: Settings, receipt_handle: str) -> None:
        self._clients = clients
        self._settings = settings
        self._receipt_handle = receipt_handle
        self._typing: tuple[Bot, int, int | None] | None = None
        self._stopped = Event()
        self._turn_over = Lock()

    def start(self) -> Pulse:
        Thread(target=self._keep_holding, name="pulse", daemon=True).start()
        return self

    def type_in(self, bot: Bot, chat_id: int, thread_id: int | None) -> None:
        """From now on show "typing" in this chat."""
        self._typing = (bot, chat_id, thread_id)
        Thread(target=self._keep_typing, name="typing", daemon=True).start()

    def stop_typing(self) -> None:
        """The answer is on its way."""
        self._typing = None

    def stop(self, retry_in: float | None = None) -> None:
        """End; with ``retry_in``, let the queue deliver the message again after that many seconds.

        Nothing holds the message any more once this returns, also not a thread that a frozen process wakes later.
        """
        self._typing = None
        self._stopped.set()
        with self._turn_over:
            if retry_in is not None:
                self._hold(max(0, min(int(retry_in), 43_000)))

    def _keep_holding(self) -> None:
        while True:
            with self._turn_over:
                if self._stopped.is_set():
                    return
                self._hold(HELD_SECONDS)
            if self._stopped.wait(BEAT_SECONDS):
                return

    def _hold(self, seconds: int) -> None:
        try:
            self._clients.get("sqs", hasty=True).change_message_visibility(
                QueueUrl=self._settings.inbound_queue_url,
                ReceiptHandle=self._receipt_handle,
                VisibilityTimeout=seconds,
            )
        except Exception as error:
            log.warning("the queue's message could not be held", extra=fields(error=type(error).__name__))

    def _keep_typing(self) -> None:
        while (typing := self._typing) is not None:
            bot, chat_id, thread_id = typing
            with suppress(ManyclawError):
                params = {"chat_id": chat_id, "message_thread_id": thread_id, "action": "typing"}
                bot.call("sendChatAction", params, timeout=3)
            if self._stopped.wait(BEAT_SECONDS):
                return
