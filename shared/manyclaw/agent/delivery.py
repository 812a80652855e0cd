"""Sending a committed answer: part by part, each marked as Telegram confirms it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from manyclaw.agent.journal import Journal, TurnRecord
from manyclaw.agent.remembering import HandingOver
from manyclaw.errors import RetryableError, Unavailable
from manyclaw.logs import fields
from manyclaw.telegram import Bot, IncomingMessage, TelegramRefused, TelegramUnavailable

log = logging.getLogger(__name__)

PATIENCE_SECONDS = 20.0
"""How long one attempt waits for Telegram in all; after that the queue brings the turn again."""

_PAUSES = (0.3, 1.0, 2.0, 4.0)


TOKEN_REFUSED = (401, 404)


class BotTokenRefused(RetryableError):
    """The bot's token is no longer valid; a new pairing may bring another."""


def deliver(
    journal: Journal,
    record: TurnRecord,
    bot: Bot,
    message: IncomingMessage,
    handing_over: HandingOver,
    sleep: Callable[[float], None] = time.sleep,
) -> TurnRecord:
    """Send what is not marked sent. A crash between Telegram's 200 and our mark sends one part twice, never none.

    Parameters
    ----------
    handing_over
        The turn on its way to memory. What was sent is marked without waiting for it, but the turn is not closed
        before memory has it, so none is lost.

    Raises
    ------
    BotTokenRefused
        The token was revoked: the answer waits until the bot is paired again.
    TelegramUnavailable
        Telegram is down or wants us to wait longer than this attempt can.
    Unavailable
        Everything is sent, but memory has not taken the turn.
    """
    chat_id = message.chat_id
    while record.sent < len(record.parts):
        try:
            message_id, chat_id = _send(bot, message, chat_id, record, sleep)
        except TelegramRefused as error:
            if error.code in TOKEN_REFUSED:
                raise BotTokenRefused("Telegram refuses the bot's token; pairing the bot again mends that.") from None
            log.warning("undeliverable", extra=fields(turn=journal.turn, code=error.code, error=error.description))
            return _close(journal, record, handing_over, f"undeliverable: {error.description}")
        last = record.sent + 1 == len(record.parts)
        record = journal.mark_sent(record, message_id, last=last and handing_over.seems_taken())
    return record if record.state != "answered" else _close(journal, record, handing_over, "")


def _close(journal: Journal, record: TurnRecord, handing_over: HandingOver, note: str) -> TurnRecord:
    if not handing_over.taken():
        raise Unavailable("Memory has not taken the turn.", retry_after=2)
    return journal.finish(record, note)


def _send(
    bot: Bot, message: IncomingMessage, chat_id: int, record: TurnRecord, sleep: Callable[[float], None]
) -> tuple[int, int]:
    waited = 0.0
    tries = 0
    in_group = not message.is_private and message.message_id != 0
    while True:
        params = {
            "chat_id": chat_id,
            "message_thread_id": message.thread_id,
            "text": record.parts[record.sent],
            "reply_parameters": {"message_id": message.message_id, "allow_sending_without_reply": True}
            if in_group and record.sent == 0
            else None,
        }
        try:
            return int(bot.call("sendMessage", params)["message_id"]), chat_id
        except TelegramRefused as error:
            if error.migrate_to_chat_id is None or error.migrate_to_chat_id == chat_id:
                raise
            chat_id = error.migrate_to_chat_id
        except TelegramUnavailable as error:
            pause = error.retry_after if error.retry_after is not None else _PAUSES[min(tries, len(_PAUSES) - 1)]
            tries += 1
            if waited + pause > PATIENCE_SECONDS or tries > len(_PAUSES):
                raise
            sleep(pause)
            waited += pause
