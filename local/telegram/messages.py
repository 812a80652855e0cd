"""The methods that write into a chat."""

import time
from typing import Any

from local.telegram.arguments import Arguments
from local.telegram.entries import Bot, Chat
from local.telegram.errors import bad_request
from local.telegram.html_mode import read_html
from local.telegram.store import StoredMessage
from local.telegram.text import outgoing, read_entities
from local.telegram.world import World, shown

ACTIONS = frozenset(
    {
        "typing",
        "upload_photo",
        "record_video",
        "upload_video",
        "record_voice",
        "upload_voice",
        "upload_document",
        "choose_sticker",
        "find_location",
        "record_video_note",
        "upload_video_note",
    }
)


class Messages:
    """sendMessage and its kin."""

    def __init__(self, world: World) -> None:
        self._world = world

    def send_message(self, bot: Bot, arguments: Arguments) -> dict[str, Any]:
        """Telegram's Message. Raises `BotApiError` with Telegram's text when it would refuse."""
        text, entities = read_text(arguments)
        chat = self._world.chat_to_write(bot, read_chat_id(arguments))
        content: dict[str, Any] = self._thread(chat, arguments)
        replied = self._replied(bot, chat, arguments)
        if replied:
            content["reply_to_message"] = replied
        content["text"] = text
        if entities:
            content["entities"] = entities
        markup = arguments.json("reply_markup")
        if isinstance(markup, dict) and "inline_keyboard" in markup:
            content["reply_markup"] = markup
        return self._world.bot_says(bot, chat, content)

    def _thread(self, chat: Chat, arguments: Arguments) -> dict[str, Any]:
        thread = arguments.integer("message_thread_id")
        if not thread:
            return {}
        if not chat.info.get("is_forum") or thread == 1:
            raise bad_request("message thread not found")
        return {"message_thread_id": thread, "is_topic_message": True}

    def _replied(self, bot: Bot, chat: Chat, arguments: Arguments) -> dict[str, Any] | None:
        parameters = arguments.json("reply_parameters")
        message_id, lenient = arguments.integer("reply_to_message_id"), arguments.flag("allow_sending_without_reply")
        if "reply_parameters" in arguments.texts:
            if not isinstance(parameters, dict):
                raise bad_request("object expected as reply parameters")
            message_id = int(parameters.get("message_id", 0))
            lenient = bool(parameters.get("allow_sending_without_reply"))
        if not message_id:
            return None
        stored = self._world.store.message(bot.id, chat.id, message_id)
        if stored is None:
            if lenient:
                return None
            raise bad_request("message to be replied not found")
        return {key: value for key, value in stored.body.items() if key != "reply_to_message"}

    def send_chat_action(self, bot: Bot, arguments: Arguments) -> bool:
        """Shows "typing…" for five seconds, or until the next message."""
        chat = self._world.chat_to_write(bot, read_chat_id(arguments))
        if arguments.text("action") not in ACTIONS:
            raise bad_request("wrong parameter action in request")
        self._world.hub.publish(bot.id, chat.id, {"type": "action", "action": arguments.text("action"), "seconds": 5})
        return True

    def send_message_draft(self, bot: Bot, arguments: Arguments) -> bool:
        """Shows an unfinished answer in a private chat for at most 30 seconds; nothing is kept."""
        chat = self._world.chat_to_write(bot, read_chat_id(arguments))
        if not arguments.integer("draft_id"):
            raise bad_request("invalid draft identifier specified")
        if not chat.is_private:
            raise bad_request("message drafts can be sent only to private chats")
        text, entities = read_text(arguments) if arguments.text("text") else ("", [])
        event = {"type": "draft", "text": text, "entities": entities, "seconds": 30}
        self._world.hub.publish(bot.id, chat.id, event)
        return True

    def edit_message_text(self, bot: Bot, arguments: Arguments) -> dict[str, Any]:
        """The edited Message. Raises `BotApiError` 400, also where nothing would change."""
        text, entities = read_text(arguments)
        chat = self._world.chat_to_write(bot, read_chat_id(arguments))
        stored = self._world.store.message(bot.id, chat.id, read_message_id(arguments))
        if stored is None:
            raise bad_request("message to edit not found")
        if not stored.from_bot:
            raise bad_request("message can't be edited")
        body = {key: value for key, value in stored.body.items() if key not in ("text", "entities", "reply_markup")}
        body["text"] = text
        if entities:
            body["entities"] = entities
        markup = arguments.json("reply_markup")
        if isinstance(markup, dict) and "inline_keyboard" in markup:
            body["reply_markup"] = markup
        if all(body.get(key) == stored.body.get(key) for key in ("text", "entities", "reply_markup")):
            raise bad_request(
                "message is not modified: specified new message content and reply markup are exactly the same "
                "as a current content and reply markup of the message"
            )
        body["edit_date"] = int(time.time())
        self._world.edit(bot, chat, StoredMessage(stored.message_id, True, stored.date, body))
        return body

    def delete_message(self, bot: Bot, arguments: Arguments) -> bool:
        """Takes a message out of the chat."""
        chat = self._world.chat(bot, read_chat_id(arguments))
        message_id = read_message_id(arguments)
        if self._world.store.message(bot.id, chat.id, message_id) is None:
            raise bad_request("message to delete not found")
        self._world.delete(bot, chat, message_id)
        return True

    def visible(self, bot: Bot, chat_id: int) -> list[dict[str, Any]]:
        """A chat's messages as people see them, oldest first."""
        return [shown(stored) for stored in self._world.store.messages(bot.id, chat_id)]


def read_chat_id(arguments: Arguments) -> int:
    """``chat_id`` as a number; usernames of channels are not simulated."""
    if not arguments.text("chat_id"):
        raise bad_request("chat_id is empty")
    return arguments.integer("chat_id")


def read_message_id(arguments: Arguments) -> int:
    """``message_id``. Raises `BotApiError` 400 when it is missing."""
    message_id = arguments.integer("message_id")
    if message_id <= 0:
        raise bad_request("message identifier is not specified")
    return message_id


def read_text(arguments: Arguments) -> tuple[str, list[dict[str, Any]]]:
    """The text and entities of ``text`` with ``parse_mode`` or ``entities``."""
    text, mode = arguments.text("text"), arguments.text("parse_mode").lower()
    if len(text.encode("utf-8", "surrogatepass")) > 1 << 15:
        raise bad_request("text is too long")
    if mode in ("", "none"):
        return outgoing(text, read_entities(arguments.texts.get("entities")))
    if mode == "html":
        return outgoing(*read_html(text))
    if mode in ("markdown", "markdownv2"):
        raise bad_request("can't parse entities: the simulated Telegram reads HTML and entities, not Markdown")
    raise bad_request("unsupported parse_mode")
