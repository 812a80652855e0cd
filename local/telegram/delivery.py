"""Webhook delivery as Telegram does it: in order within a chat, side by side across chats, until it is taken."""

import asyncio
import contextlib
import time
from collections import deque
from dataclasses import dataclass, field

import aiohttp

from local.telegram.entries import Bot
from local.telegram.store import PendingUpdate, Store
from local.telegram.world import World

LONGEST_WAIT = 60.0
SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105 (a header's name)


@dataclass(slots=True)
class _Lane:
    """One chat's queue. ``wake`` ends its wait for the next attempt early, when the webhook has changed."""

    queue: deque[PendingUpdate] = field(default_factory=deque)
    wake: asyncio.Event = field(default_factory=asyncio.Event)


class Delivery:
    """Posts updates to the bots' webhooks.

    Only 2xx is success. A failed update is tried again at once, then after 2, 4, 8 … 60 seconds, for as long as the
    webhook stands; the chat's later updates wait behind it. A ``Retry-After`` header of the webhook is honoured.

    Parameters
    ----------
    world
        Whose updates to deliver.
    retry_seconds
        The first real wait; Telegram's is 2. Tests make it short.
    timeout_seconds
        How long a webhook may take to answer; Telegram's is 60.
    """

    def __init__(self, world: World, *, retry_seconds: float = 2.0, timeout_seconds: float = 60.0) -> None:
        self._world = world
        self._store: Store = world.store
        self._retry_seconds = retry_seconds
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds)
        self._lanes: dict[tuple[int, str], _Lane] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._queued: set[int] = set()
        self._slots: dict[int, tuple[int, asyncio.Semaphore]] = {}
        self._session: aiohttp.ClientSession | None = None
        world.on_update(self.offer)

    async def start(self) -> None:
        """Open the one shared session and take up what an earlier run left undelivered."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=self._timeout,
            auto_decompress=False,
        )
        for bot in self._world.bots.values():
            self.webhook_changed(bot)

    async def stop(self) -> None:
        """End every attempt under way; what it carried stays undelivered in the store."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session:
            await self._session.close()

    def offer(self, bot: Bot, update: PendingUpdate) -> None:
        """Queue an update, if the bot has a webhook."""
        if not bot.webhook_url or update.seq in self._queued:
            return
        self._queued.add(update.seq)
        key = (bot.id, update.lane)
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = _Lane()
            task = asyncio.get_running_loop().create_task(self._drain(bot, key, lane))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        lane.queue.append(update)

    def webhook_changed(self, bot: Bot) -> None:
        """Try what waits at once, where the bot has a (new) webhook; where it has none, let go of it."""
        for (bot_id, _), lane in self._lanes.items():
            if bot_id == bot.id:
                lane.wake.set()
        if bot.webhook_url:
            for update in self._store.pending(bot.id):
                self.offer(bot, update)

    def drop_pending(self, bot: Bot) -> None:
        """Forget what is not delivered; an attempt under way may still arrive."""
        self._store.confirm(bot.id)
        for (bot_id, _), lane in self._lanes.items():
            if bot_id == bot.id:
                self._queued.difference_update(update.seq for update in lane.queue)
                lane.queue.clear()
                lane.wake.set()

    async def redeliver(self, bot: Bot, update: PendingUpdate) -> int:
        """Post an update once more, past every queue. Returns the webhook's status, 0 where it gave none."""
        status, _, _ = await self._post(bot, update)
        return status

    async def _drain(self, bot: Bot, key: tuple[int, str], lane: _Lane) -> None:
        try:
            while lane.queue and bot.webhook_url:
                update = lane.queue[0]
                await self._deliver(bot, lane, update)
                if lane.queue and lane.queue[0] is update:
                    lane.queue.popleft()
                self._queued.discard(update.seq)
        finally:
            self._queued.difference_update(update.seq for update in lane.queue)
            del self._lanes[key]

    async def _deliver(self, bot: Bot, lane: _Lane, update: PendingUpdate) -> None:
        failures = 0
        while bot.webhook_url and lane.queue and lane.queue[0] is update:
            async with self._slot(bot):
                status, problem, retry_after = await self._post(bot, update)
            if 200 <= status < 300:
                self._store.delivered(update.seq)
                return
            bot.last_error_date, bot.last_error_message = int(time.time()), problem
            self._world.save_bot(bot)
            wait = self._wait(failures) if retry_after is None else retry_after
            failures += 1
            lane.wake.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(lane.wake.wait(), wait)
                failures = 0

    def _wait(self, failures: int) -> float:
        return 0.0 if failures == 0 else min(self._retry_seconds * 2 ** (failures - 1), LONGEST_WAIT)

    def _slot(self, bot: Bot) -> asyncio.Semaphore:
        size, slots = self._slots.get(bot.id, (0, None))
        if slots is None or size != bot.max_connections:
            slots = asyncio.Semaphore(bot.max_connections)
            self._slots[bot.id] = (bot.max_connections, slots)
        return slots

    async def _post(self, bot: Bot, update: PendingUpdate) -> tuple[int, str, float | None]:
        """(status or 0, what went wrong, the webhook's Retry-After in seconds)."""
        if self._session is None:
            raise RuntimeError("the delivery was not started")
        headers = {"Content-Type": "application/json"}
        if bot.secret_token:
            headers[SECRET_HEADER] = bot.secret_token
        try:
            async with self._session.post(
                bot.webhook_url, data=update.body.encode(), headers=headers, allow_redirects=False
            ) as response:
                await response.read()
                after = response.headers.get("Retry-After", "")
                problem = f"Wrong response from the webhook: {response.status} {response.reason or ''}".rstrip()
                return response.status, problem, float(after) if after.isdecimal() else None
        except TimeoutError:
            return 0, "Read timeout expired", None
        except aiohttp.ClientConnectorError as error:
            return 0, error.os_error.strerror or "Connection refused", None
        except (aiohttp.ClientError, ValueError, OSError) as error:
            return 0, f"Connection closed: {error}"[:200] if str(error) else "Connection closed", None
