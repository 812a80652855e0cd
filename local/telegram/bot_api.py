"""``/bot{token}/{method}`` and ``/file/bot{token}/{path}``."""

import asyncio
import inspect
import json
import re
from collections.abc import Callable
from typing import Any

from aiohttp import web

from local.telegram.arguments import Arguments, read_arguments
from local.telegram.calls import Call, CallLog
from local.telegram.delivery import Delivery
from local.telegram.entries import Bot
from local.telegram.errors import BotApiError
from local.telegram.faults import Faults
from local.telegram.messages import Messages
from local.telegram.polling import Polling
from local.telegram.profile import Profile
from local.telegram.rates import Rates
from local.telegram.updates import Webhooks
from local.telegram.world import World

Method = Callable[[Bot, Arguments], Any]
_NOTED = frozenset({"setwebhook", "deletewebhook"})
"""Methods whose answer carries a note beside the result."""


class BotApi:
    """Finds the bot and the method, applies faults, logs, and answers in Telegram's shape."""

    def __init__(self, world: World, delivery: Delivery, calls: CallLog, faults: Faults, rates: Rates) -> None:
        self._world = world
        self._calls = calls
        self._faults = faults
        self._rates = rates
        webhooks, polling = Webhooks(world, delivery), Polling(world, delivery)
        messages, profile = Messages(world), Profile(world)
        methods: dict[str, Method] = {
            "getMe": profile.get_me,
            "getUpdates": polling.get_updates,
            "setWebhook": webhooks.set_webhook,
            "deleteWebhook": webhooks.delete_webhook,
            "getWebhookInfo": lambda bot, _: webhooks.info(bot),
            "sendMessage": messages.send_message,
            "sendChatAction": messages.send_chat_action,
            "sendMessageDraft": messages.send_message_draft,
            "editMessageText": messages.edit_message_text,
            "deleteMessage": messages.delete_message,
            "getFile": profile.get_file,
            "setMyCommands": profile.set_my_commands,
            "getMyCommands": profile.get_my_commands,
            "deleteMyCommands": profile.delete_my_commands,
            "setChatMenuButton": profile.set_chat_menu_button,
            "answerCallbackQuery": profile.answer_callback_query,
            "getChat": profile.get_chat,
            "getChatMember": profile.get_chat_member,
        }
        self._methods = {name.lower(): (name, method) for name, method in methods.items()}

    def add_routes(self, app: web.Application) -> None:
        """Both verbs of every method, and file downloads."""
        for verb in ("GET", "POST"):
            app.router.add_route(verb, "/bot{token:[^/]+}/{method:[^/]+}", self.call)
        app.router.add_get("/file/bot{token:[^/]+}/{path:.+}", self.download)

    async def call(self, request: web.Request) -> web.StreamResponse:
        """One Bot API call."""
        method = request.match_info["method"]
        name = self._methods.get(method.lower(), (method, None))[0]
        token = request.match_info["token"]
        bot = self._world.bot_by_token(token)
        username = bot.username if bot else None
        try:
            arguments = await read_arguments(request)
        except BotApiError as error:
            return self._answer(self._calls.open(username, name, {}), error.status, error.body())
        call = self._calls.open(username, name, arguments.raw)
        if bot is None:
            known_shape = re.fullmatch(r"\d+:.+", token) is not None
            refusal = BotApiError(401, "Unauthorized") if known_shape else BotApiError(404, "Not Found")
            return self._answer(call, refusal.status, refusal.body())
        return await self._carry_out(request, call, bot, arguments)

    async def _carry_out(self, request: web.Request, call: Call, bot: Bot, arguments: Arguments) -> web.StreamResponse:
        fault = self._faults.take(call.method, bot.username, arguments.text("chat_id"))
        if fault is None:
            return self._answer(call, *await self._result(call.method, bot, arguments))
        result = await self._result(call.method, bot, arguments) if fault.after_accepting else None
        try:
            await self._faults.sit_out(fault, lambda: _gone(request))
        except asyncio.CancelledError:  # a server that ends the handler of a client who left
            call.status = 0
            raise
        if fault.drop or _gone(request):
            call.status = 0
            if request.transport:
                request.transport.abort()
            return web.Response()
        error = fault.error()
        if error:
            return self._answer(call, error.status, error.body())
        return self._answer(call, *(result or await self._result(call.method, bot, arguments)))

    async def _result(self, name: str, bot: Bot, arguments: Arguments) -> tuple[int, dict[str, Any]]:
        try:
            method = self._methods.get(name.lower())
            if method is None:
                raise BotApiError(404, "Not Found: method not found")
            if name == "sendMessage":
                self._rates.check(bot, arguments.text("chat_id"))
            result = method[1](bot, arguments)
            if inspect.isawaitable(result):
                result = await result
        except BotApiError as error:
            return error.status, error.body()
        if name.lower() in _NOTED:
            return 200, {"ok": True, "result": result[0], "description": result[1]}
        return 200, {"ok": True, "result": result}

    def _answer(self, call: Call, status: int, body: dict[str, Any]) -> web.Response:
        call.status, call.response = status, body
        text = json.dumps(body, separators=(",", ":"))
        return web.Response(status=status, text=text, content_type="application/json")

    async def download(self, request: web.Request) -> web.StreamResponse:
        """A file's bytes, to the bot that it was sent to."""
        bot = self._world.bot_by_token(request.match_info["token"])
        found = bot and self._world.store.file(bot.id, "path", request.match_info["path"])
        if not found:
            error = BotApiError(404, "Not Found") if bot else BotApiError(401, "Unauthorized")
            return web.json_response(error.body(), status=error.status)
        return web.Response(body=found[2], content_type="application/octet-stream")


def _gone(request: web.Request) -> bool:
    return request.transport is None or request.transport.is_closing()
