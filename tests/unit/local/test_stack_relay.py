"""The relay confirms an update to Telegram only after the webhook route has answered 200."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from local import relay
from local.relay import Pairing, Relay, next_pause


class Scene:
    """A Bot API with three updates, and a webhook route whose first answers are given."""

    def __init__(self, answers: Sequence[int], refusal: dict[str, Any] | None = None) -> None:
        self.answers = list(answers)
        self.refusal = refusal
        self.offsets: list[int | None] = []
        self.taken: list[tuple[int, str]] = []
        self.tried: list[int] = []

    async def get_updates(self, request: web.Request) -> web.Response:
        if self.refusal:
            self.offsets.append(None)
            return web.json_response({"ok": False, **self.refusal}, status=self.refusal["error_code"])
        offset = (await request.json()).get("offset")
        self.offsets.append(offset)
        updates = [{"update_id": number} for number in (7, 8, 9) if number >= (offset or 0)][:2]
        if not updates:
            await asyncio.sleep(0.05)
        return web.json_response({"ok": True, "result": updates})

    async def webhook(self, request: web.Request) -> web.Response:
        number = (await request.json())["update_id"]
        self.tried.append(number)
        status = self.answers.pop(0) if self.answers else 200
        if status == 200:
            self.taken.append((number, request.headers["X-Telegram-Bot-Api-Secret-Token"]))
        return web.Response(status=status)

    async def play(self, until: Any, seconds: float = 10.0) -> None:
        """Run the relay until a condition holds."""
        app = web.Application()
        app.router.add_post("/bot1:T/getUpdates", self.get_updates)
        app.router.add_post("/telegram/acme", self.webhook)
        async with TestServer(app) as server:
            base = f"http://{server.host}:{server.port}"

            async def pairings() -> Sequence[Pairing]:
                return [Pairing("acme", "1:T", "s3cret", base)]

            task = asyncio.create_task(Relay(base, pairings, refresh_seconds=0.05, long_poll=0).run())
            async with asyncio.timeout(seconds):
                while not until(self):
                    await asyncio.sleep(0.005)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


@pytest.fixture(autouse=True)
def _no_long_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "_LONGEST_PAUSE_SECONDS", 0.01)


def test_every_update_is_delivered_once_in_order_with_the_secret() -> None:
    scene = Scene(answers=[])
    asyncio.run(scene.play(lambda s: len(s.taken) == 3 and s.offsets[-1] == 10))
    assert scene.taken == [(7, "s3cret"), (8, "s3cret"), (9, "s3cret")]


def test_the_offset_moves_on_only_after_200() -> None:
    scene = Scene(answers=[503, 401, 200, 500])
    asyncio.run(scene.play(lambda s: len(s.taken) == 3))
    assert scene.tried == [7, 7, 7, 8, 8, 9]
    assert scene.offsets[:2] == [None, 9]


@pytest.mark.parametrize("code", [401, 409])
def test_a_refusal_is_said_and_tried_again(code: int, caplog: pytest.LogCaptureFixture, monkeypatch: Any) -> None:
    monkeypatch.setattr(relay, "_CONFLICT_PAUSE_SECONDS", 0.01)
    scene = Scene(answers=[], refusal={"error_code": code, "description": "Conflict: terminated"})
    asyncio.run(scene.play(lambda s: len(s.offsets) >= 3))
    assert "acme" in caplog.text
    assert ("another program" if code == 409 else "pair the bot again") in caplog.text


def test_pauses_double_up_to_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "_LONGEST_PAUSE_SECONDS", 60.0)
    pauses = [0.0]
    for _ in range(8):
        pauses.append(next_pause(pauses[-1]))
    assert pauses[1:] == [1, 2, 4, 8, 16, 32, 60, 60]
