"""``/_sim/…``: what only a simulator has. Looking at calls, failing on purpose."""

import json
from typing import Any

from aiohttp import web

from local.model.cache import PromptCache
from local.model.calls import CallLog
from local.model.faults import Fault, Faults


class Control:
    """The control routes. Mistakes are answered with 400 and ``{"error": …}``."""

    def __init__(self, cache: PromptCache, calls: CallLog, faults: Faults) -> None:
        self._cache = cache
        self._calls = calls
        self._faults = faults

    def add_routes(self, app: web.Application) -> None:
        """Every route under ``/_sim/``."""
        app.router.add_get("/_sim/log", self.log)
        app.router.add_post("/_sim/faults", self.add_fault)
        app.router.add_delete("/_sim/faults", self.clear_faults)
        app.router.add_post("/_sim/release", self.release)
        app.router.add_post("/_sim/latency", self.latency)
        app.router.add_post("/_sim/reset", self.reset)
        app.router.add_delete("/_sim/cache", self.clear_cache)
        app.router.add_get("/_sim/health", self.health)

    async def log(self, request: web.Request) -> web.Response:
        """Every call to /v1/messages after number ``since`` whose request holds the text ``holding``."""
        since = request.query.get("since", "0")
        found = self._calls.since(int(since) if since.isdecimal() else 0, request.query.get("holding", ""))
        return web.json_response(found)

    async def add_fault(self, request: web.Request) -> web.Response:
        """Put a fault in force."""
        try:
            self._faults.add(Fault.read(await _object(request)))
        except (ValueError, TypeError) as error:
            raise _mistake(str(error)) from error
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

    async def latency(self, request: web.Request) -> web.Response:
        """``{"seconds"}``: how long every call takes before its first byte."""
        seconds = (await _object(request)).get("seconds")
        if not isinstance(seconds, (int, float)) or seconds < 0:
            raise _mistake("seconds: a number of at least 0 is needed")
        self._faults.latency = float(seconds)
        return web.json_response({"ok": True})

    async def reset(self, _: web.Request) -> web.Response:
        """Clear the log and the faults; the cache stays."""
        self._calls.clear()
        self._faults.clear()
        return web.json_response({"ok": True})

    async def clear_cache(self, _: web.Request) -> web.Response:
        """Forget every cached prefix."""
        self._cache.clear()
        return web.json_response({"ok": True})

    async def health(self, _: web.Request) -> web.Response:
        """Says that the server answers, and how many calls are being held."""
        return web.json_response({"ok": True, "held": self._faults.held})


async def _object(request: web.Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.read() or b"{}")
    except ValueError:
        raise _mistake("the body is not JSON") from None
    if not isinstance(body, dict):
        raise _mistake("the body must be an object")
    return body


def _mistake(text: str) -> web.HTTPException:
    return web.HTTPBadRequest(text=json.dumps({"error": text}), content_type="application/json")
