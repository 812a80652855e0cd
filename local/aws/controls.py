"""The wrapper's own routes under /_manyclaw/: how it does, and, for tests only, levers on time and failure.

The levers exist only with --test-controls, so a stack that a person talks to cannot be held or moved in time.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from local.aws import activity
from local.aws.checkpoint import Checkpoints
from local.aws.clock import CLOCK
from local.aws.requests import GATE, Hold
from local.aws.workers import warm, workers

PREFIX = "/_manyclaw/"
Application = Callable[..., Awaitable[None]]


class Controls:
    """An ASGI application that answers its own routes and passes everything else to MiniStack."""

    def __init__(self, inner: Application, checkpoints: Checkpoints, *, levers: bool) -> None:
        self._inner = inner
        self._checkpoints = checkpoints
        self._levers = levers

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """One ASGI request."""
        if scope["type"] != "http" or not scope["path"].startswith(PREFIX):
            await self._inner(scope, receive, send)
            return
        body = b""
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        try:
            status, answer = await self._route(scope["method"], scope["path"][len(PREFIX) :], json.loads(body or b"{}"))
        except (ValueError, KeyError, TypeError) as error:
            status, answer = 400, {"error": f"{type(error).__name__}: {error}"}
        data = json.dumps(answer).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(data)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": data})

    async def _route(self, method: str, route: str, request: dict[str, Any]) -> tuple[int, Any]:
        if (method, route) == ("GET", "checkpoint"):
            return 200, self._checkpoints.stats
        if (method, route) == ("POST", "warm"):
            return 200, {"failed": await asyncio.to_thread(warm, request)}
        if not self._levers:
            return 404, {"error": "test controls are off: start the stack with MANYCLAW_TEST_CONTROLS=1"}
        lever = getattr(self, f"_{method.lower()}_{route.replace('/', '_')}", None)
        return (200, lever(request)) if lever else (404, {"error": f"no control {method} {route}"})

    def _get_workers(self, _: dict[str, Any]) -> Any:
        return workers()

    def _get_clock(self, _: dict[str, Any]) -> Any:
        return {"offset_seconds": CLOCK.offset, "now": CLOCK.time()}

    def _post_clock(self, request: dict[str, Any]) -> Any:
        from ministack.core.concurrency import esm_wake

        offset = CLOCK.advance(float(request["advance_seconds"]))
        activity.mark()
        esm_wake.set()
        return {"offset_seconds": offset}

    def _post_hold(self, request: dict[str, Any]) -> Any:
        order = Hold(
            service=request["service"],
            action=request["action"],
            match=str(request.get("match", "")).encode(),
            after=bool(request.get("after", False)),
            times=int(request.get("times", 1)),
        )
        GATE.hold(order)
        return {"orders": len(GATE.orders)}

    def _get_held(self, _: dict[str, Any]) -> Any:
        return {"held": GATE.held}

    def _post_release(self, request: dict[str, Any]) -> Any:
        GATE.release(drop=bool(request.get("drop", False)))
        return {}

    def _get_requests(self, _: dict[str, Any]) -> Any:
        return {"total": GATE.counts.total(), "by_action": dict(GATE.counts.most_common())}

    def _post_requests_reset(self, _: dict[str, Any]) -> Any:
        GATE.counts.clear()
        return {}
