"""Bots, chats and messages: what happens when a person or a bot says something."""

import json
import secrets
import string
import time
from collections.abc import Callable
from typing import Any

from local.telegram.entries import Bot, Chat, new_bot
from local.telegram.errors import BotApiError, bad_request
from local.telegram.events import EventHub
from local.telegram.store import PendingUpdate, Store, StoredMessage
from local.telegram.text import typed_entities

PEOPLE = ((1001, "Ann"), (1002, "Boris"), (1003, "小明"))
"""Who the chat page offers at first."""

_NOT_BY_DEFAULT = frozenset({"chat_member", "message_reaction", "message_reaction_count"})
_SHOWN_AS_IT_IS = ("entities", "edit_date", "message_thread_id", "reply_to_message")
_TOKEN_LETTERS = string.ascii_letters + string.digits + "-_"

UpdateListener = Callable[[Bot, PendingUpdate], None]


class World:
    """The state, held in memory for reading and written through to the store before anything is answered."""

    def __init__(self, store: Store, hub: EventHub) -> None:
        self.store = store
        self.hub = hub
        self.bots: dict[int, Bot] = {}
        self._chats: dict[tuple[int, int], Chat] = {}
        self._listeners: list[UpdateListener] = []
        for next_update_id, data in store.bots():
            bot = Bot(next_update_id=next_update_id, **data)
            self.bots[bot.id] = bot
        for bot_id, chat_id, info, blocked, last in store.chats():
            self._chats[bot_id, chat_id] = Chat(chat_id, info, blocked, last + 1)
        for person_id, first_name in PEOPLE:
            store.add_person(person_id, first_name)

    def on_update(self, listener: UpdateListener) -> None:
        """Have ``listener`` told of every update that was taken in."""
        self._listeners.append(listener)

    # -- bots

    def bot_by_token(self, token: str) -> Bot | None:
        """The bot that a Bot API path names; its secret part is compared whole."""
        bot_id = token.partition(":")[0]
        bot = self.bots.get(int(bot_id)) if bot_id.isdecimal() else None
        return bot if bot and secrets.compare_digest(bot.token.encode(), token.encode()) else None

    def bot_by_username(self, username: str) -> Bot | None:
        """Case does not count, nor a leading @."""
        wanted = username.removeprefix("@").lower()
        return next((bot for bot in self.bots.values() if bot.username.lower() == wanted), None)

    def create_bot(self, username: str, name: str) -> Bot:
        """A new bot, or the one that has this username already."""
        existing = self.bot_by_username(username)
        if existing:
            return existing
        bot_id = 7_000_000_000 + secrets.randbelow(1_000_000_000)
        while bot_id in self.bots:
            bot_id += 1
        letters = "AA" + "".join(secrets.choice(_TOKEN_LETTERS) for _ in range(33))
        bot = new_bot(bot_id, f"{bot_id}:{letters}", username.removeprefix("@"), name or username)
        self.bots[bot_id] = bot
        self.save_bot(bot)
        return bot

    def save_bot(self, bot: Bot) -> None:
        """Write a changed bot through."""
        self.store.save_bot(bot.id, bot.next_update_id, bot.data())

    # -- chats

    def chat(self, bot: Bot, chat_id: int) -> Chat:
        """A chat that the bot knows. Raises `BotApiError` 400 "chat not found"."""
        chat = self._chats.get((bot.id, chat_id))
        if chat is None:
            raise bad_request("chat not found")
        return chat

    def chat_to_write(self, bot: Bot, chat_id: int) -> Chat:
        """The same, for writing. Raises `BotApiError` 403 where the person blocked the bot."""
        chat = self.chat(bot, chat_id)
        if chat.blocked:
            where = "was blocked by the user" if chat.is_private else "was kicked from the group chat"
            raise BotApiError(403, f"Forbidden: bot {where}")
        return chat

    def meet(self, bot: Bot, info: dict[str, Any]) -> Chat:
        """The chat of ``info`` (a Telegram Chat object), made known to the bot."""
        key = (bot.id, int(info["id"]))
        chat = self._chats.get(key)
        if chat is None:
            chat = self._chats[key] = Chat(key[1], info, blocked=False, next_message_id=1)
            self.store.save_chat(*key, info, False)
        return chat

    def block(self, bot: Bot, chat_id: int, blocked: bool) -> None:
        """A person blocks the bot or lets it in again; the bot hears of it as ``my_chat_member``."""
        chat = self.meet(bot, {"id": chat_id, "first_name": "Person", "type": "private"})
        if chat.blocked == blocked:
            return
        chat.blocked = blocked
        self.store.save_chat(bot.id, chat.id, chat.info, blocked)
        states = [{"user": bot.as_user(), "status": status} for status in ("kicked", "member")]
        old, new = reversed(states) if blocked else states
        self.push(
            bot,
            {
                "my_chat_member": {
                    "chat": chat.info,
                    "from": {"id": chat_id, "is_bot": False, "first_name": chat.info.get("first_name", "Person")},
                    "date": int(time.time()),
                    "old_chat_member": old,
                    "new_chat_member": new,
                }
            },
        )

    # -- messages

    def person_says(self, bot: Bot, chat: Chat, sender: dict[str, Any], content: dict[str, Any]) -> tuple[int, int]:
        """A person's message reaches the bot. Returns (update id, message id); both are durable by then."""
        message: dict[str, Any] = {"from": sender, "chat": chat.info, **content}
        if "text" in message:
            found = typed_entities(message["text"])
            if found:
                message.setdefault("entities", found)
        with self.store.transaction():
            stored = self._keep(bot, chat, message, from_bot=False)
            pending = self._take(bot, {"message": stored.body})
        self._announce(bot, chat, stored, pending)
        return (pending.update_id if pending else 0), stored.message_id

    def bot_says(self, bot: Bot, chat: Chat, content: dict[str, Any]) -> dict[str, Any]:
        """The bot's message appears in the chat. Returns Telegram's Message object."""
        stored = self._keep(bot, chat, {"from": bot.as_user(), "chat": chat.info, **content}, from_bot=True)
        self._announce(bot, chat, stored, None)
        return stored.body

    def _keep(self, bot: Bot, chat: Chat, message: dict[str, Any], *, from_bot: bool) -> StoredMessage:
        now = time.time()
        number = chat.next_message_id
        chat.next_message_id += 1
        stored = StoredMessage(number, from_bot, now, {"message_id": number, **message, "date": int(now)})
        self.store.save_message(bot.id, chat.id, stored)
        return stored

    def _announce(self, bot: Bot, chat: Chat, stored: StoredMessage, pending: PendingUpdate | None) -> None:
        event = {"type": "message", "message": shown(stored)}
        self.hub.publish(bot.id, chat.id, event)
        if pending:
            self._tell(bot, pending)

    def edit(self, bot: Bot, chat: Chat, stored: StoredMessage) -> None:
        """Put a message's edited form in its place."""
        self.store.save_message(bot.id, chat.id, stored)
        self.hub.publish(bot.id, chat.id, {"type": "edited", "message": shown(stored)})

    def delete(self, bot: Bot, chat: Chat, message_id: int) -> None:
        """Take a message away."""
        self.store.delete_message(bot.id, chat.id, message_id)
        self.hub.publish(bot.id, chat.id, {"type": "deleted", "message_id": message_id})

    # -- updates

    def push(self, bot: Bot, update: dict[str, Any]) -> PendingUpdate | None:
        """Take an update in as it is, with the next ``update_id`` unless it brings one.

        Returns None when the bot's ``allowed_updates`` leave its kind out.
        """
        with self.store.transaction():
            pending = self._take(bot, update)
        if pending:
            self._tell(bot, pending)
        return pending

    def _take(self, bot: Bot, update: dict[str, Any]) -> PendingUpdate | None:
        kind = next((key for key in update if key != "update_id"), "")
        wanted = kind in bot.allowed_updates if bot.allowed_updates else kind not in _NOT_BY_DEFAULT
        if not wanted and kind:
            return None
        update_id = int(update.get("update_id", bot.next_update_id))
        bot.next_update_id = max(bot.next_update_id, update_id + 1)
        body = json.dumps({"update_id": update_id, **update})
        return self.store.add_update(bot.id, update_id, bot.next_update_id, lane_of(update), body)

    def _tell(self, bot: Bot, pending: PendingUpdate) -> None:
        for listener in self._listeners:
            listener(bot, pending)


def lane_of(update: dict[str, Any]) -> str:
    """The chat whose order an update keeps, or its sender where there is no chat."""
    for kind, content in update.items():
        if not isinstance(content, dict):
            continue
        within = content.get("message", {}) if kind == "callback_query" else content
        place = within.get("chat") if isinstance(within, dict) else None
        place = place or content.get("from")
        if isinstance(place, dict):
            return str(place.get("id", ""))
    return ""


def shown(stored: StoredMessage) -> dict[str, Any]:
    """A message as the chat page and the control routes give it; ``date`` is Unix time with its fraction."""
    body = stored.body
    extra: dict[str, Any] = {key: body[key] for key in _SHOWN_AS_IT_IS if key in body}
    text = body.get("text", body.get("caption", ""))
    return {
        "message_id": stored.message_id,
        "from_bot": stored.from_bot,
        "from": body["from"]["first_name"],
        "text": text,
        "date": stored.date,
        **extra,
    }
