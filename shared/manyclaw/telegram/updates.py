"""What Telegram sends, as far as we use it (https://core.telegram.org/bots/api#update)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from manyclaw.errors import BadInput

MAX_UPDATE_BYTES = 1_000_000
_MAX_ID = 2**63

ANY_BOT = "*"
"""Stands among the mentions for a /command that names no bot."""

HANDLED_KINDS = ("message",)
"""The kinds that we ask Telegram for (``allowed_updates``) and put on the queue; others are answered with 200."""


@dataclass(frozen=True)
class UpdateHead:
    """What the webhook must know of an update. ``chat_id`` is None for a kind that we do not handle."""

    update_id: int
    kind: str
    chat_id: int | None


def read_update(body: bytes) -> UpdateHead:
    """Check that ``body`` is an update and give its head.

    Raises
    ------
    BadInput
        Larger than 1 MB, not JSON, not an object with an ``update_id``, or a message without a chat.
    """
    if len(body) > MAX_UPDATE_BYTES:
        raise BadInput(f"The body has {len(body)} bytes; {MAX_UPDATE_BYTES} are allowed.")
    try:
        update = json.loads(body.decode("utf-8"), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"The body is not JSON ({type(error).__name__}).") from None
    if not isinstance(update, dict) or not _is_id(update.get("update_id")) or update["update_id"] < 0:
        raise BadInput("The body is no Telegram update: it has no update_id.")
    kind = next((name for name in HANDLED_KINDS if name in update), None)
    if kind is None:
        others = sorted(str(name) for name in update if name != "update_id")
        return UpdateHead(update["update_id"], others[0][:40] if others else "none", None)
    content = update[kind]
    chat = content.get("chat") if isinstance(content, dict) else None
    if not isinstance(chat, dict) or not _is_id(chat.get("id")):
        raise BadInput(f"The update's {kind} has no chat.")
    return UpdateHead(update["update_id"], kind, chat["id"])


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _is_id(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and -_MAX_ID < value < _MAX_ID


@dataclass(frozen=True)
class IncomingMessage:
    """A message that an end user wrote.

    Attributes
    ----------
    conversation
        ``{chat}`` or, in a forum's topic, ``{chat}:{topic}``: what a transcript belongs to.
    thread_id
        The forum topic to answer in; None in the General topic, where Telegram wants it left out.
    text
        Text or caption; without lone surrogates. Empty if the message holds neither.
    attachment
        What else the message holds (photo, voice, …), or empty.
    sent_at
        Unix time in seconds, as Telegram dates it.
    sender_is_bot
        False for an anonymous admin or a channel, for whom Telegram puts a bot of its own in the sender's place.
    source
        chat, or schedule for what no person wrote but a job: it has no message to reply to (``message_id`` 0).
    """

    update_id: int
    message_id: int
    chat_id: int
    chat_type: str
    thread_id: int | None
    conversation: str
    sender_id: int | None
    sender_name: str
    sender_is_bot: bool
    language_code: str
    text: str
    attachment: str
    sent_at: int
    mentions: tuple[str, ...]
    reply_to_id: int | None
    source: str = "chat"

    @property
    def user(self) -> str:
        """Whose use this is: the sender's id, or the chat's where a message names no sender."""
        return str(self.sender_id or self.chat_id)

    @property
    def is_private(self) -> bool:
        return self.chat_type == "private"

    def addresses(self, bot_id: int, username: str) -> bool:
        """Whether the bot is spoken to: in private, by @mention, by /command for it, or by replying to it."""
        return (
            self.is_private
            or self.reply_to_id == bot_id
            or username.lower() in self.mentions
            or ANY_BOT in self.mentions
        )

    def command(self) -> str:
        """The ``/command`` that the text begins with, without slash and @bot; empty if none."""
        word = self.text.split(maxsplit=1)[0] if self.text.strip() else ""
        return word[1:].partition("@")[0].lower() if word.startswith("/") else ""


_ATTACHMENTS = (
    "photo", "voice", "video", "video_note", "audio", "animation", "document", "sticker", "location", "contact", "poll",
    "dice", "venue", "story", "paid_media",
)  # fmt: skip


def read_message(update: dict[str, Any]) -> IncomingMessage | None:
    """The end user's message in an update that passed :func:`read_update`; None for a service message."""
    message = update.get("message")
    if not isinstance(message, dict):
        return None
    text = _clean(message.get("text") or message.get("caption") or "")
    attachment = next((name for name in _ATTACHMENTS if message.get(name)), "")
    if not text and not attachment:
        return None
    chat = message["chat"]
    sender = _mapping(message.get("from"))
    topic = message.get("message_thread_id") if message.get("is_topic_message") else None
    thread_id = topic if isinstance(topic, int) and topic != 1 else None
    speaks_for = _mapping(message.get("sender_chat"))
    names = " ".join(str(part) for part in (sender.get("first_name"), sender.get("last_name")) if part)
    name = str(speaks_for.get("title") or names or sender.get("username") or "")
    return IncomingMessage(
        update_id=update["update_id"],
        message_id=int(message.get("message_id") or 0),
        chat_id=chat["id"],
        chat_type=str(chat.get("type") or "private"),
        thread_id=thread_id,
        conversation=f"{chat['id']}:{thread_id}" if thread_id else str(chat["id"]),
        sender_id=sender.get("id") if _is_id(sender.get("id")) else None,
        sender_name=" ".join(_clean(name).split())[:64],
        sender_is_bot=bool(sender.get("is_bot")) and not speaks_for,
        language_code=str(sender.get("language_code") or "")[:16],
        text=text,
        attachment=attachment,
        sent_at=int(message["date"]) if _is_id(message.get("date")) else 0,
        mentions=_mentions(message, text),
        reply_to_id=_mapping(_mapping(message.get("reply_to_message")).get("from")).get("id"),
    )


def _mentions(message: dict[str, Any], text: str) -> tuple[str, ...]:
    """Usernames, lower-case, that are mentioned or whose command is called; a bare /command is for any bot."""
    found: list[str] = []
    units = text.encode("utf-16-le")
    entities = message.get("entities") or message.get("caption_entities") or []
    for entity in entities if isinstance(entities, list) else []:
        kind, offset, length = (_mapping(entity).get(name) for name in ("type", "offset", "length"))
        if kind not in ("mention", "bot_command") or not isinstance(offset, int) or not isinstance(length, int):
            continue
        part = units[2 * offset : 2 * (offset + length)].decode("utf-16-le", "replace")
        name = part.rpartition("@")[2] if "@" in part else ""
        found.append(name.lower() or ANY_BOT)
    return tuple(found)


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _clean(value: object) -> str:
    return str(value).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").replace("\x00", "")
