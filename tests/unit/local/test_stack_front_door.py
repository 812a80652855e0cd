"""The front door forwards bytes and decides nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from local.front_door import FrontDoor


async def echo(request: web.Request) -> web.Response:
    """An upstream that answers with what it got."""
    return web.json_response(
        {
            "method": request.method,
            "path": request.raw_path,
            "headers": {name.lower(): value for name, value in request.headers.items()},
            "body": (await request.read()).decode("latin-1"),
        },
        status=int(request.query.get("status", "200")),
        headers={"X-From": "upstream"},
    )


def behind_the_door(
    act: Callable[[ClientSession, str], Awaitable[Any]], *, waiting: str | None = None, with_api: bool = True
) -> Any:
    """Run `act` against a front door before an echoing upstream."""

    async def scene() -> Any:
        upstream_app = web.Application()
        upstream_app.router.add_route("*", "/{path:.*}", echo)
        door = FrontDoor(lambda: waiting)
        async with TestServer(upstream_app) as upstream, TestServer(door.application()) as server:
            if with_api:
                door.api = f"http://{upstream.host}:{upstream.port}/stage"
            async with ClientSession() as session:
                return await act(session, f"http://{server.host}:{server.port}")

    return asyncio.run(scene())


def test_method_path_query_headers_body_and_status_go_through_as_they_are() -> None:
    async def act(session: ClientSession, base: str) -> Any:
        headers = {"X-Telegram-Bot-Api-Secret-Token": "s3cret", "Content-Type": "application/json"}
        async with session.put(
            f"{base}/telegram/a%20b?x=%2F&status=418", data=b'{"\xc3\xa9":1}', headers=headers
        ) as got:
            return got.status, got.headers["X-From"], await got.json()

    status, came_from, seen = behind_the_door(act)

    assert (status, came_from) == (418, "upstream")
    assert seen["method"] == "PUT"
    assert seen["path"] == "/stage/telegram/a%20b?x=/&status=418"
    assert seen["headers"]["x-telegram-bot-api-secret-token"] == "s3cret"
    assert seen["body"] == '{"\xc3\xa9":1}'


def test_healthz_is_200_only_when_the_stack_takes_messages() -> None:
    async def act(session: ClientSession, base: str) -> Any:
        async with session.get(f"{base}/healthz") as health, session.post(f"{base}/telegram/t") as update:
            return health.status, await health.json(), update.status

    assert behind_the_door(act)[0] == 200
    assert behind_the_door(act, waiting="sam deploy") == (503, {"status": "starting", "waiting_for": "sam deploy"}, 503)


def test_an_upstream_that_is_gone_is_502_so_that_telegram_tries_again() -> None:
    async def scene() -> int:
        door = FrontDoor(lambda: None)
        door.api = "http://127.0.0.1:9"
        async with (
            TestServer(door.application()) as server,
            ClientSession(f"http://{server.host}:{server.port}") as session,
            session.post("/telegram/t", data=b"{}") as got,
        ):
            return got.status

    assert asyncio.run(scene()) == 502


def test_only_the_stacks_own_paths_are_forwarded() -> None:
    async def act(session: ClientSession, base: str) -> Any:
        async with session.get(f"{base}/v1x") as near, session.get(f"{base}/v1/usage") as api:
            return near.status, api.status

    assert behind_the_door(act) == (404, 200)
