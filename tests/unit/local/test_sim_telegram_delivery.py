"""The simulated Telegram's delivery: webhooks with retries and order, getUpdates, what survives a SIGKILL."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientError, ClientSession, web
from aiohttp.test_utils import TestClient, TestServer

from local.telegram.app import create_app

ROOT = Path(__file__).parents[3]


@dataclass
class Hook:
    """A webhook that answers as told and keeps what it was given."""

    url: str = ""
    statuses: dict[str, list[int]] = field(default_factory=dict)
    seen: list[tuple[str, int]] = field(default_factory=list)
    updates: list[dict[str, Any]] = field(default_factory=list)
    secrets: list[str | None] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    waiting: int = 0
    most_at_once: int = 0

    async def take(self, request: web.Request) -> web.Response:
        update = await request.json()
        text = update["message"]["text"]
        self.waiting += 1
        self.most_at_once = max(self.most_at_once, self.waiting)
        await self.gate.wait()
        self.waiting -= 1
        planned = self.statuses.get(text, [])
        status = planned.pop(0) if planned else 200
        self.seen.append((text, status))
        self.updates.append(update)
        self.secrets.append(request.headers.get("X-Telegram-Bot-Api-Secret-Token"))
        return web.Response(status=status)


@asynccontextmanager
async def webhook() -> AsyncIterator[Hook]:
    hook = Hook()
    hook.gate.set()
    app = web.Application()
    app.router.add_post("/hook", hook.take)
    async with TestServer(app) as server:
        hook.url = str(server.make_url("/hook"))
        yield hook


@dataclass
class Sim:
    http: Any
    base: str = ""
    token: str = ""

    async def call(self, method: str, **arguments: Any) -> tuple[int, dict[str, Any]]:
        async with self.http.post(f"{self.base}/bot{self.token}/{method}", json=arguments) as response:
            return response.status, await response.json()

    async def control(self, path: str, **body: Any) -> Any:
        async with self.http.post(f"{self.base}/_sim/{path}", json=body) as response:
            assert response.status == 200, await response.text()
            return await response.json()

    async def say(self, text: str, chat_id: int = 1001) -> Any:
        return await self.control(f"chats/{chat_id}/messages", bot="acme_bot", text=text)

    async def made(self) -> "Sim":
        self.token = (await self.control("bots", username="acme_bot", name="Acme"))["token"]
        return self


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(15):
        while True:
            value = condition()
            if await value if isinstance(value, Awaitable) else value:
                return
            await asyncio.sleep(0.005)


def run(state: Path, scenario: Callable[[Sim, Hook], Awaitable[None]]) -> None:
    async def whole() -> None:
        app = create_app(state, retry_seconds=0.02)
        async with webhook() as hook, TestClient(TestServer(app)) as http:
            await scenario(await Sim(http).made(), hook)

    asyncio.run(whole())


def test_given_a_webhook_then_updates_come_with_the_secret(tmp_path: Path) -> None:
    async def scenario(sim: Sim, hook: Hook) -> None:
        await sim.call("setWebhook", url=hook.url, secret_token="s3cret_-")
        said = await sim.say("hello")
        await until(lambda: hook.seen)
        assert hook.secrets == ["s3cret_-"]
        assert hook.updates[0]["update_id"] == said["update_id"]
        assert hook.updates[0]["message"]["message_id"] == said["message_id"]
        assert hook.updates[0]["message"]["chat"] == {"id": 1001, "first_name": "Person", "type": "private"}

    run(tmp_path, scenario)


def test_given_a_failing_webhook_then_the_chats_order_holds_and_other_chats_go_on(tmp_path: Path) -> None:
    async def scenario(sim: Sim, hook: Hook) -> None:
        hook.statuses = {"a1": [500, 302, 503]}
        await sim.call("setWebhook", url=hook.url)
        await sim.say("a1", 1)
        await sim.say("a2", 1)
        await sim.say("b1", 2)
        await until(lambda: len(hook.seen) == 6)
        assert [seen for seen in hook.seen if seen[0][0] == "a"] == [
            ("a1", 500),
            ("a1", 302),
            ("a1", 503),
            ("a1", 200),
            ("a2", 200),
        ]
        assert ("b1", 200) in hook.seen
        info = (await sim.call("getWebhookInfo"))[1]["result"]
        assert info["last_error_message"] == "Wrong response from the webhook: 503 Service Unavailable"
        assert info["pending_update_count"] == 0

    run(tmp_path, scenario)


def test_given_max_connections_then_never_more_posts_at_once(tmp_path: Path) -> None:
    async def scenario(sim: Sim, hook: Hook) -> None:
        hook.gate.clear()
        await sim.call("setWebhook", url=hook.url, max_connections=3)
        for chat in range(1, 9):
            await sim.say(f"c{chat}", chat)
        await until(lambda: hook.waiting == 3)
        hook.gate.set()
        await until(lambda: len(hook.seen) == 8)
        assert hook.most_at_once == 3

    run(tmp_path, scenario)


def test_given_an_update_of_the_past_then_it_can_be_posted_again(tmp_path: Path) -> None:
    async def scenario(sim: Sim, hook: Hook) -> None:
        await sim.call("setWebhook", url=hook.url)
        said = await sim.say("once")
        await until(lambda: hook.seen)
        answer = await sim.control(f"updates/{said['update_id']}/redeliver", bot="acme_bot")
        assert answer == {"status": 200}
        assert hook.updates[0] == hook.updates[1]

    run(tmp_path, scenario)


def test_given_a_raw_update_then_it_is_delivered_as_it_is(tmp_path: Path) -> None:
    async def scenario(sim: Sim, hook: Hook) -> None:
        await sim.call("setWebhook", url=hook.url)
        message = {"message_id": 9, "chat": {"id": 77, "type": "private", "first_name": "X"}, "text": "raw"}
        await sim.control("updates", bot="acme_bot", update={"update_id": 5, "message": message})
        await until(lambda: hook.seen)
        assert hook.updates == [{"update_id": 5, "message": message}]
        assert (await sim.call("sendMessage", chat_id=77, text="known"))[0] == 200

    run(tmp_path, scenario)


@pytest.mark.parametrize(
    ("arguments", "description"),
    [
        ({"secret_token": "no spaces"}, "secret token contains unallowed characters"),
        ({"secret_token": "x" * 257}, "secret token is too long"),
        ({"url": "ftp://x"}, "bad webhook: An HTTPS URL must be provided for webhook"),
    ],
)
def test_given_a_bad_webhook_then_telegrams_words(tmp_path: Path, arguments: dict[str, Any], description: str) -> None:
    async def scenario(sim: Sim, hook: Hook) -> None:
        status, body = await sim.call("setWebhook", **{"url": hook.url, **arguments})
        assert (status, body["description"]) == (400, f"Bad Request: {description}")

    run(tmp_path, scenario)


def test_given_set_webhook_twice_within_a_second_then_429(tmp_path: Path) -> None:
    async def scenario(sim: Sim, hook: Hook) -> None:
        status, body = await sim.call("setWebhook", url=hook.url)
        assert (status, body["description"]) == (200, "Webhook was set")
        status, body = await sim.call("setWebhook", url=hook.url)
        assert (status, body["parameters"]) == (429, {"retry_after": 1})

    run(tmp_path, scenario)


def test_given_polling_then_the_offset_confirms_and_a_webhook_conflicts(tmp_path: Path) -> None:
    async def scenario(sim: Sim, hook: Hook) -> None:
        waiting = asyncio.ensure_future(sim.call("getUpdates", timeout=20))
        first = await sim.say("one")
        assert [update["message"]["text"] for update in (await waiting)[1]["result"]] == ["one"]
        await sim.say("two")
        left = (await sim.call("getUpdates", offset=first["update_id"] + 1))[1]["result"]
        assert [update["message"]["text"] for update in left] == ["two"]
        await sim.call("setWebhook", url=hook.url)
        await until(lambda: hook.seen)
        status, body = await sim.call("getUpdates")
        assert status == 409
        assert body["description"] == (
            "Conflict: can't use getUpdates method while webhook is active; "
            "use deleteWebhook to delete the webhook first"
        )

    run(tmp_path, scenario)


def test_given_two_polls_of_one_bot_then_the_older_is_ended(tmp_path: Path) -> None:
    async def scenario(sim: Sim, _: Hook) -> None:
        async def logged(count: int) -> bool:
            async with sim.http.get("/_sim/log") as response:
                return len(await response.json()) == count

        older = asyncio.ensure_future(sim.call("getUpdates", timeout=20))
        await until(lambda: logged(1))
        newer = asyncio.ensure_future(sim.call("getUpdates", timeout=20))
        status, body = await older
        assert status == 409
        assert body["description"].startswith("Conflict: terminated by other getUpdates request")
        await sim.say("for the newer")
        assert len((await newer)[1]["result"]) == 1

    run(tmp_path, scenario)


def test_given_allowed_updates_then_other_kinds_never_arrive(tmp_path: Path) -> None:
    async def scenario(sim: Sim, hook: Hook) -> None:
        await sim.call("setWebhook", url=hook.url, allowed_updates=["message"])
        await sim.control("block", bot="acme_bot", chat_id=1001, blocked=True)
        await sim.control("block", bot="acme_bot", chat_id=1001, blocked=False)
        await sim.say("only this")
        await until(lambda: hook.seen)
        assert hook.seen == [("only this", 200)]

    run(tmp_path, scenario)


def test_given_a_sigkill_then_what_was_accepted_is_delivered_after_the_restart(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with webhook() as hook, ClientSession() as http:
            hook.statuses = {"first": [500] * 1_000}
            with simulator_process(tmp_path) as (process, base):
                await until(lambda: answers(http, base))
                sim = await Sim(http, base).made()
                await sim.call("setWebhook", url=hook.url, secret_token="kept")
                await sim.say("first")
                await sim.say("second")
                await until(lambda: hook.seen)
                process.send_signal(signal.SIGKILL)
                process.wait()
            hook.statuses.clear()
            hook.seen.clear()
            hook.secrets.clear()
            with simulator_process(tmp_path) as (_, base):
                await until(lambda: answers(http, base))
                await until(lambda: len(hook.seen) == 2)
                assert hook.seen == [("first", 200), ("second", 200)]
                assert hook.secrets == ["kept", "kept"]
                same = await Sim(http, base).made()
                assert same.token == sim.token
                assert (await same.say("third"))["message_id"] == 3

    asyncio.run(scenario())


class simulator_process:  # noqa: N801 (reads as a function)
    """``python -m local.telegram`` on a free port, ended by its own handle."""

    def __init__(self, state: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.base = f"http://127.0.0.1:{port}"
        command = [sys.executable, "-m", "local.telegram", "--port", str(port), "--state", str(state)]
        self.process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})

    def __enter__(self) -> tuple[subprocess.Popen[bytes], str]:
        return self.process, self.base

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()


async def answers(http: ClientSession, base: str) -> bool:
    try:
        async with http.get(f"{base}/_sim/health") as response:
            return response.status == 200
    except ClientError:
        return False
