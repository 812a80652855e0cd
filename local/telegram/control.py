"""``/_sim/…``: what only a simulator has. Making bots, speaking as a person, looking at calls, failing on purpose."""

import base64
import binascii
import json
import secrets
from typing import Any

from aiohttp import web

from local.telegram.calls import CallLog
from local.telegram.delivery import Delivery
from local.telegram.entries import Bot, Chat
from local.telegram.faults import Fault, Faults
from local.telegram.world import World, shown


class Control:
    """The control routes. Mistakes are answered with 400 or 404 and ``{"error": …}``."""

    def __init__(self, world: World, delivery: Delivery, calls: CallLog, faults: Faults) -> None:
        self._world = world
        self._delivery = delivery
        self._calls = calls
        self._faults = faults

    def add_routes(self, app: web.Application) -> None:
        """Every route under ``/_sim/``."""
        app.router.add_post("/_sim/bots", self.create_bot)
        app.router.add_get("/_sim/bots", self.list_bots)
        app.router.add_post("/_sim/chats/{chat_id:-?\\d+}/messages", self.say)
        app.router.add_get("/_sim/chats/{chat_id:-?\\d+}/messages", self.read)
        app.router.add_post("/_sim/updates", self.push)
        app.router.add_post("/_sim/updates/{update_id:\\d+}/redeliver", self.redeliver)
        app.router.add_post("/_sim/block", self.block)
        app.router.add_post("/_sim/files", self.add_file)
        app.router.add_get("/_sim/log", self.log)
        app.router.add_post("/_sim/faults", self.add_fault)
        app.router.add_delete("/_sim/faults", self.clear_faults)
        app.router.add_post("/_sim/release", self.release)
        app.router.add_post("/_sim/reset", self.reset)
        app.router.add_get("/_sim/health", self.health)

    async def create_bot(self, request: web.Request) -> web.Response:
        """``{"username", "name"}`` → ``{"token", "id", "username"}``; the same bot for the same username."""
        body = await read_object(request)
        username = str(body.get("username", ""))
        if not username.removeprefix("@").replace("_", "").isalnum():
            raise mistake("username: letters, digits and _ are needed")
        bot = self._world.create_bot(username, str(body.get("name", "")))
        return web.json_response({"token": bot.token, "id": bot.id, "username": bot.username})

    async def list_bots(self, _: web.Request) -> web.Response:
        """Every bot with its token."""
        bots = [
            {"token": bot.token, "id": bot.id, "username": bot.username, "name": bot.name, "webhook": bot.webhook_url}
            for bot in self._world.bots.values()
        ]
        return web.json_response({"bots": bots})

    async def say(self, request: web.Request) -> web.Response:
        """A person's message. Besides the text, ``content`` may hold any fields of a Message (photo, voice, …)."""
        body = await read_object(request)
        bot = self.bot(body.get("bot"))
        chat_id = int(request.match_info["chat_id"])
        sender = {"is_bot": False, "id": abs(chat_id), "first_name": "Person", **(body.get("from") or {})}
        chat = self._world.meet(bot, chat_info(chat_id, sender, body))
        content = thread_content(chat, body.get("thread_id"))
        if body.get("reply_to_message_id"):
            replied = self._world.store.message(bot.id, chat_id, int(body["reply_to_message_id"]))
            if replied is None:
                raise mistake("reply_to_message_id: no such message")
            content["reply_to_message"] = replied.body
        if "text" in body:
            content["text"] = str(body["text"])
        content |= body.get("content") or {}
        update_id, message_id = self._world.person_says(bot, chat, sender, content)
        return web.json_response({"update_id": update_id, "message_id": message_id})

    async def read(self, request: web.Request) -> web.Response:
        """The chat as its people see it."""
        bot = self.bot(request.query.get("bot"))
        chat_id = int(request.match_info["chat_id"])
        return web.json_response(
            {"messages": [shown(stored) for stored in self._world.store.messages(bot.id, chat_id)]}
        )

    async def push(self, request: web.Request) -> web.Response:
        """An update as it is; ``update_id`` is given where it has none (and may repeat an old one)."""
        body = await read_object(request)
        bot, update = self.bot(body.get("bot")), body.get("update")
        if not isinstance(update, dict):
            raise mistake("update: an object is needed")
        for content in update.values():
            place = content.get("chat") if isinstance(content, dict) else None
            if isinstance(place, dict) and isinstance(place.get("id"), int):
                self._world.meet(bot, place)
        pending = self._world.push(bot, update)
        return web.json_response({"update_id": pending.update_id if pending else 0, "taken": pending is not None})

    async def redeliver(self, request: web.Request) -> web.Response:
        """Post an update to the webhook once more; answers with the webhook's status (0: none came)."""
        body = await read_object(request)
        bot = self.bot(body.get("bot"))
        update = self._world.store.update(bot.id, int(request.match_info["update_id"]))
        if update is None:
            raise mistake("no such update", status=404)
        if not bot.webhook_url:
            raise mistake("the bot has no webhook")
        return web.json_response({"status": await self._delivery.redeliver(bot, update)})

    async def block(self, request: web.Request) -> web.Response:
        """``{"bot", "chat_id", "blocked"}``: a person blocks the bot, or lets it in again."""
        body = await read_object(request)
        if not isinstance(body.get("chat_id"), int):
            raise mistake("chat_id: a number is needed")
        self._world.block(self.bot(body.get("bot")), body["chat_id"], bool(body.get("blocked", True)))
        return web.json_response({"ok": True})

    async def add_file(self, request: web.Request) -> web.Response:
        """``{"bot", "path", "content_base64"}`` → ``{"file_id"}``, for use in a message's ``content``."""
        body = await read_object(request)
        bot = self.bot(body.get("bot"))
        try:
            content = base64.b64decode(str(body.get("content_base64", "")), validate=True)
        except binascii.Error:
            raise mistake("content_base64: not base64") from None
        file_id = "AgACAgIAAxk" + secrets.token_urlsafe(36)
        self._world.store.add_file(file_id, bot.id, str(body.get("path") or f"documents/{file_id[-8:]}"), content)
        return web.json_response({"file_id": file_id, "file_size": len(content)})

    async def log(self, request: web.Request) -> web.Response:
        """Every Bot API call after number ``since``, of one ``bot`` and ``method`` or of all."""
        query = request.query
        since = query.get("since", "0")
        number = int(since) if since.isdecimal() else 0
        return web.json_response(self._calls.since(number, query.get("bot", ""), query.get("method", "")))

    async def add_fault(self, request: web.Request) -> web.Response:
        """Put a fault in force."""
        try:
            fault = Fault.read(await read_object(request))
        except (ValueError, TypeError) as error:
            raise mistake(str(error)) from error
        self._faults.add(fault)
        return web.json_response({"ok": True})

    async def clear_faults(self, _: web.Request) -> web.Response:
        """End every fault; held calls go on."""
        self._faults.clear()
        return web.json_response({"ok": True})

    async def release(self, _: web.Request) -> web.Response:
        """Let held calls go; answers with how many there were."""
        held = self._faults.held
        self._faults.release()
        return web.json_response({"ok": True, "held": held})

    async def reset(self, _: web.Request) -> web.Response:
        """Clear the log and the faults. Bots, chats and updates stay."""
        self._calls.clear()
        self._faults.clear()
        return web.json_response({"ok": True})

    async def health(self, _: web.Request) -> web.Response:
        """Says that the server answers, and how many calls are being held."""
        return web.json_response({"ok": True, "held": self._faults.held, "bots": len(self._world.bots)})

    def bot(self, username: Any) -> Bot:
        """By username, else 404."""
        bot = self._world.bot_by_username(str(username or ""))
        if bot is None:
            raise mistake(f"no bot with username {username!r}", status=404)
        return bot


def chat_info(chat_id: int, sender: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    """Telegram's Chat object for a person's message."""
    kind = body.get("chat_type")
    if kind is None:
        kind = "private" if chat_id > 0 else "supergroup" if str(chat_id).startswith("-100") else "group"
    if kind == "private":
        names: dict[str, Any] = {key: sender[key] for key in ("first_name", "last_name", "username") if key in sender}
        return {"id": chat_id, **names, "type": "private"}
    info = {"id": chat_id, "title": str(body.get("title", "Group")), "type": kind}
    if body.get("thread_id") is not None:
        info["is_forum"] = True
    return info


def thread_content(chat: Chat, thread_id: Any) -> dict[str, Any]:
    """The fields of a message in a forum's topic. The General topic (1) carries none, as in Telegram."""
    if thread_id is None or int(thread_id) == 1 or chat.is_private:
        return {}
    return {"message_thread_id": int(thread_id), "is_topic_message": True}


async def read_object(request: web.Request) -> dict[str, Any]:
    """The JSON object of a control request, else 400."""
    raw = await request.read()
    try:
        body = json.loads(raw or b"{}")
    except ValueError:
        raise mistake("the body is not JSON") from None
    if not isinstance(body, dict):
        raise mistake("the body must be an object")
    return body


def mistake(text: str, *, status: int = 400) -> web.HTTPException:
    """An error answer of the control routes."""
    kind = web.HTTPNotFound if status == 404 else web.HTTPBadRequest
    return kind(text=json.dumps({"error": text}), content_type="application/json")
