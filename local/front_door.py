"""The one port of the stack: webhook, API and dashboard go to the deployed HTTP API, /chat to the simulated Telegram.

It forwards bytes and decides nothing: what a request gets here is what the deployed functions answer.
"""

import html
from collections.abc import AsyncIterator, Callable, Mapping

from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout, TCPConnector, web
from multidict import CIMultiDict
from yarl import URL

# RFC 9110, 7.6.1: these concern one connection only. Host is the upstream's; lengths are made anew.
_HOP_BY_HOP = frozenset(
    (
        *("connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer"),
        *("transfer-encoding", "upgrade", "host", "content-length"),
    )
)
_LARGEST_BODY_BYTES = 10 * 1024 * 1024  # API Gateway's limit
_API_PREFIXES = ("/telegram", "/v1", "/dashboard")
_UPSTREAM_SECONDS = 60.0


class FrontDoor:
    """Forwards to upstreams that become known while the stack starts.

    Parameters
    ----------
    waiting_for
        Returns what the stack still waits for, in words, or None when it can take messages.
    """

    def __init__(self, waiting_for: Callable[[], str | None]) -> None:
        self._waiting_for = waiting_for
        self.api: str | None = None
        self.chat: str | None = None
        self._session: ClientSession | None = None

    def application(self) -> web.Application:
        """The aiohttp application."""
        app = web.Application(client_max_size=_LARGEST_BODY_BYTES)
        app.cleanup_ctx.append(self._with_session)
        app.router.add_get("/", self._start_page)
        app.router.add_get("/healthz", self._health)
        app.router.add_route("*", "/{path:.*}", self._forward)
        return app

    async def _with_session(self, _: web.Application) -> AsyncIterator[None]:
        async with ClientSession(
            connector=TCPConnector(limit=512, keepalive_timeout=15),
            timeout=ClientTimeout(total=None, sock_connect=5, sock_read=_UPSTREAM_SECONDS),
            auto_decompress=False,
        ) as session:
            self._session = session
            yield

    async def _health(self, _: web.Request) -> web.Response:
        waiting = self._waiting_for()
        if waiting:
            return web.json_response({"status": "starting", "waiting_for": waiting}, status=503)
        return web.json_response({"status": "ready"})

    async def _start_page(self, _: web.Request) -> web.Response:
        waiting = self._waiting_for()
        if not waiting and self.chat:
            raise web.HTTPFound("/chat")
        text = f"Starting: waiting for {waiting}." if waiting else "Ready. Bots answer in Telegram."
        page = f"<!doctype html><meta charset=utf-8><title>manyclaw</title><p>{html.escape(text)}</p>"
        headers = {"Refresh": "2"} if waiting else {}
        return web.Response(text=page, content_type="text/html", headers=headers)

    def _upstream(self, path: str) -> str | None:
        if _is_under(path, "/chat"):
            return self.chat
        if any(_is_under(path, prefix) for prefix in _API_PREFIXES):
            return self.api
        raise web.HTTPNotFound(text="manyclaw serves /chat, /telegram, /v1, /dashboard and /healthz here\n")

    async def _forward(self, request: web.Request) -> web.StreamResponse:
        base = self._upstream(request.path)
        if base is None or (base is self.api and self._waiting_for()):
            waiting = self._waiting_for() or "the simulated Telegram, which is off"
            return web.json_response({"error": f"waiting for {waiting}"}, status=503, headers={"Retry-After": "2"})
        assert self._session is not None
        body = await request.read()
        headers = _end_to_end(request.headers)
        headers["X-Forwarded-Host"] = request.host
        headers.setdefault("X-Forwarded-Proto", request.scheme)
        headers.setdefault("X-Forwarded-For", request.remote or "")
        url = URL(base + request.raw_path, encoded=True)
        try:
            async with self._session.request(
                request.method, url, headers=headers, data=body, allow_redirects=False
            ) as answer:
                if answer.content_type == "text/event-stream":
                    return await _stream(request, answer)
                data = await answer.read()
                return web.Response(status=answer.status, headers=_end_to_end(answer.headers), body=data)
        except (ClientError, TimeoutError) as error:
            return web.json_response(
                {"error": f"no answer from the stack: {error or type(error).__name__}"}, status=502
            )


def _is_under(path: str, prefix: str) -> bool:
    return path == prefix or path.startswith(prefix + "/")


def _end_to_end(headers: Mapping[str, str]) -> CIMultiDict[str]:
    return CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in _HOP_BY_HOP)


async def _stream(request: web.Request, answer: ClientResponse) -> web.StreamResponse:
    response = web.StreamResponse(status=answer.status, headers=_end_to_end(answer.headers))
    await response.prepare(request)
    async for part in answer.content.iter_any():
        await response.write(part)
    await response.write_eof()
    return response


async def serve(door: FrontDoor, port: int) -> web.AppRunner:
    """Listen on the loopback address; the caller cleans the runner up."""
    runner = web.AppRunner(door.application(), access_log=None, shutdown_timeout=3.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, backlog=1024).start()
    return runner
