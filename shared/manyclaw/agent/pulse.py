"""Signs of life while a turn works: the queue's message stays ours, and the user sees that the bot is typing."""

from __future__ import annotations

import logging
from contextlib import suppress
from threading import Event, Thread

from manyclaw.aws import Clients
from manyclaw.errors import ManyclawError
from manyclaw.settings import Settings
from manyclaw.telegram import Bot

log = logging.getLogger(__name__)

HELD_SECONDS = 20
"""How long the queue holds a message back after our last sign of life. The queue's own timeout is many minutes, as
Lambda wants it; shortening it at once lets a turn whose process died start anew within seconds."""

BEAT_SECONDS = 4.5
"""Telegram shows "typing" for five seconds."""


class Pulse:
    """Beats in a thread of its own from :meth:`start` to :meth:`stop`.

    Parameters
    ----------
    receipt_handle
        Of the SQS message; empty if the turn did not come from the queue.
    """

    def __init__(self, clients: Clients, settings: Settings, receipt_handle: str) -> None:
        self._clients = clients
        self._settings = settings
        self._receipt_handle = receipt_handle
        self._typing: tuple[Bot, int, int | None] | None = None
        self._wake = Event()
        self._stopped = False
        self._thread = Thread(target=self._beat, name="pulse", daemon=True)

    def start(self) -> Pulse:
        self._thread.start()
        return self

    def type_in(self, bot: Bot, chat_id: int, thread_id: int | None) -> None:
        """From now on show "typing" in this chat."""
        self._typing = (bot, chat_id, thread_id)
        self._wake.set()

    def stop_typing(self) -> None:
        """The answer is on its way."""
        self._typing = None

    def stop(self, retry_in: float | None = None) -> None:
        """End; with ``retry_in``, let the queue deliver the message again after that many seconds."""
        self._stopped = True
        self._wake.set()
        self._thread.join(timeout=3)
        if retry_in is not None:
            self._hold(max(0, min(int(retry_in), 900)))

    def _beat(self) -> None:
        held = False
        while not self._stopped:
            woken = self._wake.is_set()
            self._wake.clear()
            if not (held and woken):
                self._hold(HELD_SECONDS)
                held = True
            self._show_typing()
            self._wake.wait(BEAT_SECONDS)

    def _hold(self, seconds: int) -> None:
        if not self._receipt_handle:
            return
        try:
            self._clients.sqs.change_message_visibility(
                QueueUrl=self._settings.inbound_queue_url,
                ReceiptHandle=self._receipt_handle,
                VisibilityTimeout=seconds,
            )
        except Exception as error:
            log.warning("the queue's message could not be held", extra={"fields": {"error": type(error).__name__}})

    def _show_typing(self) -> None:
        typing = self._typing
        if typing is None or self._stopped:
            return
        bot, chat_id, thread_id = typing
        with suppress(ManyclawError):
            params = {"chat_id": chat_id, "message_thread_id": thread_id, "action": "typing"}
            bot.call("sendChatAction", params, timeout=3)
