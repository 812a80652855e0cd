"""The chat page under ``/chat``: its files, and the small API that it uses. Everything lies under ``/chat/``."""

import asyncio
import json
from pathlib import Path
from typing import Any

from aiohttp import web

from local.telegram.control import chat_info, mistake, read_object
from local.telegram.entries import Bot
from local.telegram.events import Event, EventHub
from local.telegram.mini_app import mini_app
from local.telegram.text import MAX_TEXT, utf16_length
from local.telegram.world import World, shown

_FOLDER = Path(__file__).parent / "page"
_FILES = {
    "chat.js": "text/javascript",
    "bubbles.js": "text/javascript",
    "api.js": "text/javascript",
    "chat.css": "text/css",
    "icon.svg": "image/svg+xml",
}
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
_HEARTBEAT = 15.0
_SHOWN_MESSAGES = 300


class ChatPage:
    """Lets a person talk to the bots, as Ann, Boris, 小明 or someone new."""

    def __init__(self, world: World, hub: EventHub) -> None:
        self._world = world
        self._hub = hub
        self._closing = asyncio.Event()

    def add_routes(self, app: web.Application) -> None:
        """The page, its files, its API."""
        app.router.add_get("/chat", self.index)
        app.router.add_get("/chat/", self.index)
        app.router.add_get("/chat/{name:[a-z]+\\.[a-z]+}", self.file)
        app.router.add_get("/chat/api/bots", self.bots)
        app.router.add_get("/chat/api/people", self.people)
        app.router.add_post("/chat/api/people", self.add_person)
        app.router.add_get("/chat/api/menu", self.menu)
        app.router.add_get("/chat/api/messages", self.messages)
        app.router.add_post("/chat/api/messages", self.say)
        app.router.add_get("/chat/api/events", self.events)
        app.on_shutdown.append(self._close)

    async def _close(self, _: web.Application) -> None:
        self._closing.set()

    async def index(self, _: web.Request) -> web.Response:
        """The page itself."""
        return web.Response(body=(_FOLDER / "index.html").read_bytes(), content_type="text/html", headers=_HEADERS)

    async def file(self, request: web.Request) -> web.Response:
        """One of the page's files."""
        kind = _FILES.get(request.match_info["name"])
        if kind is None:
            raise web.HTTPNotFound
        body = (_FOLDER / request.match_info["name"]).read_bytes()
        return web.Response(body=body, content_type=kind, headers=_HEADERS)

    async def bots(self, _: web.Request) -> web.Response:
        """Who can be talked to; never a token."""
        listed = [
            {"username": bot.username, "name": bot.name, "connected": bool(bot.webhook_url)}
            for bot in self._world.bots.values()
        ]
        return web.json_response({"bots": listed})

    async def people(self, _: web.Request) -> web.Response:
        """Whom one can be."""
        return web.json_response({"people": self._people()})

    def _people(self) -> list[dict[str, Any]]:
        return [{"id": number, "first_name": name} for number, name in self._world.store.people()]

    async def add_person(self, request: web.Request) -> web.Response:
        """Someone new, by first name."""
        body = await _json_only(request)
        name = " ".join(str(body.get("first_name", "")).split())[:64]
        if not name:
            raise mistake("first_name: a name is needed")
        number = max(person["id"] for person in self._people()) + 1
        self._world.store.add_person(number, name)
        return web.json_response({"id": number, "first_name": name})

    async def menu(self, request: web.Request) -> web.Response:
        """The Mini App behind the bot's menu button in this person's chat, as Telegram would open it; or null."""
        bot, person = self._place(request.query)
        names = dict(self._world.store.people())
        return web.json_response({"menu": mini_app(bot, person, names[person])})

    async def messages(self, request: web.Request) -> web.Response:
        """The newest messages between a bot and a person."""
        bot, person = self._place(request.query)
        stored = self._world.store.messages(bot.id, person, _SHOWN_MESSAGES)
        return web.json_response({"messages": [shown(message) for message in stored]})

    async def say(self, request: web.Request) -> web.Response:
        """A person writes to a bot."""
        body = await _json_only(request)
        bot, person = self._place(body)
        text = str(body.get("text", "")).strip()
        if not text or utf16_length(text) > MAX_TEXT:
            raise mistake(f"text: 1 to {MAX_TEXT} characters")
        names = dict(self._world.store.people())
        sender = {"id": person, "is_bot": False, "first_name": names.get(person, "Person"), "language_code": "en"}
        chat = self._world.meet(bot, chat_info(person, sender, {}))
        _, message_id = self._world.person_says(bot, chat, sender, {"text": text})
        return web.json_response({"message_id": message_id})

    def _place(self, values: Any) -> tuple[Bot, int]:
        bot = self._world.bot_by_username(str(values.get("bot", "")))
        person = str(values.get("person", ""))
        if bot is None:
            raise mistake("no such bot", status=404)
        if not person.isdecimal() or int(person) not in dict(self._world.store.people()):
            raise mistake("no such person", status=404)
        return bot, int(person)

    async def events(self, request: web.Request) -> web.StreamResponse:
        """Server-sent events of one chat, from "hello" on; the page reads the chat anew at every hello."""
        bot, person = self._place(request.query)
        response = web.StreamResponse(headers={**_HEADERS, "Content-Type": "text/event-stream"})
        response.headers["X-Accel-Buffering"] = "no"
        await response.prepare(request)
        closing = asyncio.ensure_future(self._closing.wait())
        try:
            with self._hub.listen(bot.id, person) as queue:
                await _send(response, {"type": "hello"})
                while not closing.done():
                    await _forward(response, queue, closing)
        except ConnectionResetError:
            pass
        finally:
            closing.cancel()
        return response


async def _forward(response: web.StreamResponse, queue: asyncio.Queue[Event], closing: asyncio.Future[Any]) -> None:
    waiting = asyncio.ensure_future(queue.get())
    try:
        await asyncio.wait({waiting, closing}, timeout=_HEARTBEAT, return_when=asyncio.FIRST_COMPLETED)
        if waiting.done():
            await _send(response, waiting.result())
        elif not closing.done():
            await response.write(b": still here\n\n")
    finally:
        waiting.cancel()


async def _send(response: web.StreamResponse, event: Event) -> None:
    await response.write(b"data: " + json.dumps(event).encode() + b"\n\n")


async def _json_only(request: web.Request) -> dict[str, Any]:
    """Refuse what a foreign page could post without asking the browser first."""
    if request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType
    return await read_object(request)
