"""``/v1/messages``, ``/v1/messages/count_tokens`` and ``/v1/models``."""

import asyncio
import json
from dataclasses import replace
from typing import Any

from aiohttp import web

from local.model.account import Account
from local.model.cache import PromptCache
from local.model.calls import Call, CallLog
from local.model.errors import ModelApiError, invalid
from local.model.faults import Fault, Faults
from local.model.mcp import check_beta, without_tokens
from local.model.messages import Message, answer, check_context, new_id
from local.model.stream import error_event, events
from local.model.validation import api_key, check_headers, check_request

MODELS = {
    "claude-opus-5-5": "Claude Opus 5.5",
    "claude-sonnet-5-5": "Claude Sonnet 5.5",
    "claude-haiku-5-5": "Claude Haiku 5.5",
    "claude-opus-4-8": "Claude Opus 4.8",
    "claude-opus-4-7": "Claude Opus 4.7",
    "claude-sonnet-4-6": "Claude Sonnet 4.6",
    "claude-haiku-4-5": "Claude Haiku 4.5",
}


class Api:
    """Answers as the Messages API does, applies faults, and logs."""

    def __init__(
        self, cache: PromptCache, calls: CallLog, faults: Faults, account: Account, context_window: int
    ) -> None:
        self._cache = cache
        self._calls = calls
        self._faults = faults
        self._account = account
        self._window = context_window

    def add_routes(self, app: web.Application) -> None:
        """The three paths."""
        app.router.add_post("/v1/messages", self.messages)
        app.router.add_post("/v1/messages/count_tokens", self.count)
        app.router.add_get("/v1/models", self.models)

    async def messages(self, request: web.Request) -> web.StreamResponse:
        """One answer, whole or streamed."""
        raw = (await request.read()).decode("utf-8", "replace")
        request_id = new_id("req")
        call = self._calls.open(request_id, api_key(request.headers), raw)
        try:
            key = check_headers(request.headers)
            body = _json(raw)
            call.request = without_tokens(body)
            call.raw = raw if call.request is body else json.dumps(call.request, ensure_ascii=False)
            check_beta(body, request.headers.get("anthropic-beta", ""))
            checked = check_request(body)
            fault = self._faults.take(raw)
            await self._faults.wait(fault, lambda: _gone(request))
            error = fault.error() if fault else None
            if error:
                raise error
            check_context(checked, self._window)
        except ModelApiError as error:
            call.status = error.status
            response = _refusal(error, request_id)
            call.completed = True
            return response
        except asyncio.CancelledError:  # a server that ends the handler of a client who left
            call.status = 0
            raise
        if _gone(request):
            call.status = 0
            return web.Response()
        message = answer(checked, key, self._cache)
        if fault and fault.content is not None:
            message = replace(message, content=fault.content, stop_reason=fault.stop_reason)
        call.status, call.usage = 200, message.usage
        self._account.add(message.model, message.usage)
        if checked.get("stream"):
            return await self._stream(request, call, message, fault)
        return await self._whole(request, call, message, fault)

    async def _whole(
        self, request: web.Request, call: Call, message: Message, fault: Fault | None
    ) -> web.StreamResponse:
        if fault and fault.drop_after_events is not None:
            return _cut_off(request)
        response = web.json_response(message.body(), headers={"request-id": call.request_id})
        await response.prepare(request)
        await response.write_eof()
        call.completed = True
        return response

    async def _stream(
        self, request: web.Request, call: Call, message: Message, fault: Fault | None
    ) -> web.StreamResponse:
        drop = fault.drop_after_events if fault else None
        pause = fault.hold_after_events if fault else None
        if drop == 0:
            return _cut_off(request)
        headers = {"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-cache"}
        response = web.StreamResponse(headers={**headers, "request-id": call.request_id})
        try:
            await response.prepare(request)
            for number, event in enumerate(events(message), start=1):
                await response.write(event)
                if number == pause:
                    await self._faults.hold(lambda: _gone(request))
                if number == drop:
                    return _cut_off(request, response)
                if fault and fault.error_event and number == 2:
                    await response.write(error_event(fault.error_event))
                    await response.write_eof()
                    return response
            await response.write_eof()
        except ConnectionResetError:
            return response
        call.completed = True
        return response

    async def count(self, request: web.Request) -> web.Response:
        """The prompt's tokens; costs nothing and is not logged."""
        request_id = new_id("req")
        try:
            check_headers(request.headers)
            checked = check_request(_json((await request.read()).decode("utf-8", "replace")), counting=True)
        except ModelApiError as error:
            return _refusal(error, request_id)
        tokens = check_context(checked, 1 << 60)
        return web.json_response({"input_tokens": tokens}, headers={"request-id": request_id})

    async def models(self, request: web.Request) -> web.Response:
        """What can be asked for; any other name that begins with "claude-" works, too."""
        request_id = new_id("req")
        try:
            check_headers(request.headers)
        except ModelApiError as error:
            return _refusal(error, request_id)
        listed = [
            {"type": "model", "id": name, "display_name": title, "created_at": "2026-01-01T00:00:00Z"}
            for name, title in MODELS.items()
        ]
        body = {"data": listed, "has_more": False, "first_id": listed[0]["id"], "last_id": listed[-1]["id"]}
        return web.json_response(body, headers={"request-id": request_id})


def _gone(request: web.Request) -> bool:
    return request.transport is None or request.transport.is_closing()


def _json(raw: str) -> Any:
    try:
        return json.loads(raw)
    except ValueError as error:
        raise invalid(f"The request body is not valid JSON: {error}") from None


def _refusal(error: ModelApiError, request_id: str) -> web.Response:
    headers = {"request-id": request_id}
    if error.retry_after is not None:
        headers["retry-after"] = f"{error.retry_after:g}"
    return web.json_response(error.body(request_id), status=error.status, headers=headers)


def _cut_off(request: web.Request, response: web.StreamResponse | None = None) -> web.StreamResponse:
    if request.transport:
        request.transport.abort()
    return response or web.Response()
