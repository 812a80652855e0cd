"""The methods about the bot itself, its chats and files."""

import json
from typing import Any

from local.telegram.arguments import Arguments
from local.telegram.entries import Bot
from local.telegram.errors import bad_request
from local.telegram.messages import read_chat_id
from local.telegram.world import World

MAX_DOWNLOAD = 20 * 1024 * 1024


class Profile:
    """getMe, commands, chats, files."""

    def __init__(self, world: World) -> None:
        self._world = world

    def get_me(self, bot: Bot, _: Arguments) -> dict[str, Any]:
        """The bot as a User with what it may do."""
        return {
            **bot.as_user(),
            "can_join_groups": True,
            "can_read_all_group_messages": True,
            "supports_inline_queries": False,
            "can_connect_to_business": False,
            "has_main_web_app": False,
        }

    def set_my_commands(self, bot: Bot, arguments: Arguments) -> bool:
        """Keeps the command list of a scope and language. Raises `BotApiError` 400 as Telegram words it."""
        commands = arguments.json("commands")
        if not isinstance(commands, list):
            raise bad_request("can't parse commands: expected an Array")
        if len(commands) > 100:
            raise bad_request("BOT_COMMANDS_TOO_MUCH")
        kept = [self._command(command) for command in commands]
        bot.commands[_scope(arguments)] = kept
        self._world.save_bot(bot)
        return True

    def _command(self, command: Any) -> dict[str, Any]:
        name = str(command.get("command", "")).removeprefix("/") if isinstance(command, dict) else ""
        if not 1 <= len(name) <= 32 or not all(letter.isdecimal() or letter in _COMMAND_LETTERS for letter in name):
            raise bad_request("BOT_COMMAND_INVALID")
        description = str(command.get("description", ""))
        if not 1 <= len(description) <= 256:
            raise bad_request("BOT_COMMAND_DESCRIPTION_INVALID")
        return {"command": name, "description": description}

    def get_my_commands(self, bot: Bot, arguments: Arguments) -> list[dict[str, Any]]:
        """The list of this very scope and language."""
        return bot.commands.get(_scope(arguments), [])

    def delete_my_commands(self, bot: Bot, arguments: Arguments) -> bool:
        """Forgets the list of this scope and language."""
        bot.commands.pop(_scope(arguments), None)
        self._world.save_bot(bot)
        return True

    def set_chat_menu_button(self, bot: Bot, arguments: Arguments) -> bool:
        """Keeps the button of a private chat, or without chat_id the one of all others."""
        button = arguments.json("menu_button") or {"type": "default"}
        if not isinstance(button, dict) or button.get("type") not in _BUTTONS:
            raise bad_request("can't parse menu button: Unsupported type specified")
        if button["type"] == "web_app" and not str((button.get("web_app") or {}).get("url", "")).startswith("http"):
            raise bad_request("menu button web app URL is invalid")
        place = str(self._world.chat(bot, read_chat_id(arguments)).id) if arguments.text("chat_id") else ""
        bot.menu_buttons[place] = button
        self._world.save_bot(bot)
        return True

    def answer_callback_query(self, bot: Bot, arguments: Arguments) -> bool:
        """True for a query that reached the bot. Raises `BotApiError` 400 for any other."""
        wanted = arguments.text("callback_query_id")
        if not wanted or not self._world.store.has_update_with(bot.id, json.dumps({"id": wanted})[1:-1]):
            raise bad_request("query is too old and response timeout expired or query ID is invalid")
        return True

    def get_chat(self, bot: Bot, arguments: Arguments) -> dict[str, Any]:
        """ChatFullInfo, as far as it is simulated."""
        chat = self._world.chat(bot, read_chat_id(arguments))
        return {**chat.info, "accent_color_id": 0, "max_reaction_count": 11, "accepted_gift_types": {}}

    def get_chat_member(self, bot: Bot, arguments: Arguments) -> dict[str, Any]:
        """The bot is an administrator of groups, everyone who wrote is a member."""
        chat = self._world.chat(bot, read_chat_id(arguments))
        user_id = arguments.integer("user_id")
        if user_id == bot.id:
            return {"user": bot.as_user(), "status": "member" if chat.is_private else "administrator"}
        for stored in reversed(self._world.store.messages(bot.id, chat.id)):
            sender = stored.body["from"]
            if sender["id"] == user_id:
                return {"user": sender, "status": "member"}
        raise bad_request("member not found" if user_id else "invalid user_id specified")

    def get_file(self, bot: Bot, arguments: Arguments) -> dict[str, Any]:
        """Where to download a file from, up to 20 MB as in Telegram."""
        file_id = arguments.text("file_id")
        if not file_id:
            raise bad_request("file_id not specified")
        found = self._world.store.file(bot.id, "file_id", file_id)
        if found is None:
            raise bad_request("wrong file_id or the file is temporarily unavailable")
        if len(found[2]) > MAX_DOWNLOAD:
            raise bad_request("file is too big")
        unique = file_id[-15:]
        return {"file_id": file_id, "file_unique_id": unique, "file_size": len(found[2]), "file_path": found[1]}


_COMMAND_LETTERS = "abcdefghijklmnopqrstuvwxyz_"
_BUTTONS = ("commands", "web_app", "default")


def _scope(arguments: Arguments) -> str:
    scope = arguments.json("scope") or {"type": "default"}
    return json.dumps([scope, arguments.text("language_code")], sort_keys=True)
