"""A real BotFather token on a laptop: getUpdates relayed into the same webhook route that Telegram would call.

Only used when there is no public URL. An update is confirmed to Telegram (by asking for the next offset) only after
the route has answered 200, so an update survives a crash of everything here.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import ClientError, ClientSession, ClientTimeout

logger = logging.getLogger("manyclaw.relay")

LONG_POLL_SECONDS = 25
_REFRESH_SECONDS = 3.0
_LONGEST_PAUSE_SECONDS = 60.0
_CONFLICT_PAUSE_SECONDS = 30.0


@dataclass(frozen=True)
class Pairing:
    """A tenant's bot as the relay needs it. `secret` is what the webhook route checks."""

    tenant: str
    token: str
    secret: str
    api_url: str


Pairings = Callable[[], Awaitable[Sequence[Pairing]]]


def next_pause(pause: float) -> float:
    """The pause after one more failure: 1, 2, 4 … 60 seconds."""
    return min(max(1.0, pause * 2), _LONGEST_PAUSE_SECONDS)


class BotRelay:
    """Relays one bot until cancelled."""

    def __init__(
        self, session: ClientSession, front_door: str, pairing: Pairing, long_poll: int = LONG_POLL_SECONDS
    ) -> None:
        self._session = session
        self._pairing = pairing
        self._route = f"{front_door}/telegram/{pairing.tenant}"
        self._long_poll = long_poll
        self._offset: int | None = None

    async def run(self) -> None:
        """Poll and deliver for ever."""
        pause = 0.0
        while True:
            try:
                wait = await self._round()
                pause = 0.0 if wait is None else wait
            except (ClientError, TimeoutError, OSError, ValueError) as error:
                pause = next_pause(pause)
                logger.warning("%s: no answer (%s); again in %.0f s", self._pairing.tenant, error, pause)
            if pause:
                await asyncio.sleep(pause)

    async def _round(self) -> float | None:
        """One getUpdates and the delivery of what it brought. Returns seconds to wait, or None to go on at once."""
        request: dict[str, Any] = {"timeout": self._long_poll}
        if self._offset is not None:
            request["offset"] = self._offset
        url = f"{self._pairing.api_url}/bot{self._pairing.token}/getUpdates"
        async with self._session.post(url, json=request, timeout=ClientTimeout(total=self._long_poll + 10)) as answer:
            reply = json.loads(await answer.read())
        if not reply.get("ok"):
            return self._refused(reply)
        for update in reply["result"]:
            await self._deliver(update)
            self._offset = int(update["update_id"]) + 1
        return None

    def _refused(self, reply: dict[str, Any]) -> float:
        code, description = reply.get("error_code"), reply.get("description", "")
        tenant = self._pairing.tenant
        if code == 409:
            logger.warning(
                "%s: another program receives this bot's updates (%s); stop it or unpair", tenant, description
            )
            return _CONFLICT_PAUSE_SECONDS
        if code in (401, 404):
            logger.warning("%s: Telegram does not know this bot's token any more; pair the bot again", tenant)
            return _LONGEST_PAUSE_SECONDS
        retry_after = (reply.get("parameters") or {}).get("retry_after")
        logger.warning("%s: getUpdates refused: %s %s", tenant, code, description)
        return float(retry_after or 5)

    async def _deliver(self, update: dict[str, Any]) -> None:
        """Return once the route has answered 200, however long that takes."""
        pause = 0.0
        headers = {"X-Telegram-Bot-Api-Secret-Token": self._pairing.secret}
        while True:
            try:
                async with self._session.post(
                    self._route, json=update, headers=headers, timeout=ClientTimeout(total=30)
                ) as answer:
                    if answer.status == 200:
                        return
                    problem = f"answered {answer.status}"
            except (ClientError, TimeoutError, OSError) as error:
                problem = str(error) or type(error).__name__
            pause = next_pause(pause)
            logger.warning(
                "%s: update %s not taken (%s); again in %.0f s",
                self._pairing.tenant,
                update["update_id"],
                problem,
                pause,
            )
            await asyncio.sleep(pause)


class Relay:
    """Keeps one BotRelay per pairing, as tenants pair and unpair."""

    def __init__(
        self,
        front_door: str,
        pairings: Pairings,
        *,
        refresh_seconds: float = _REFRESH_SECONDS,
        long_poll: int = LONG_POLL_SECONDS,
    ) -> None:
        self._front_door = front_door
        self._pairings = pairings
        self._refresh_seconds = refresh_seconds
        self._long_poll = long_poll

    async def run(self) -> None:
        """Relay until cancelled."""
        tasks: dict[Pairing, asyncio.Task[None]] = {}
        async with ClientSession() as session:
            try:
                while True:
                    await self._follow(session, tasks)
                    await asyncio.sleep(self._refresh_seconds)
            finally:
                for task in tasks.values():
                    task.cancel()
                await asyncio.gather(*tasks.values(), return_exceptions=True)

    async def _follow(self, session: ClientSession, tasks: dict[Pairing, asyncio.Task[None]]) -> None:
        try:
            wanted = set(await self._pairings())
        except Exception as error:  # the stack may be restarting; what runs goes on
            logger.warning("the list of paired bots could not be read (%s); trying again", error)
            return
        for pairing in [*tasks]:
            if pairing not in wanted or tasks[pairing].done():
                tasks.pop(pairing).cancel()
        for pairing in wanted - tasks.keys():
            logger.info("%s: relaying its real bot", pairing.tenant)
            bot = BotRelay(session, self._front_door, pairing, self._long_poll)
            tasks[pairing] = asyncio.create_task(bot.run(), name=f"relay {pairing.tenant}")
