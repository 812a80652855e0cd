"""Tells open chat pages what just happened."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

Event = dict[str, Any]
_PAGE_BACKLOG = 1_000


class EventHub:
    """Fan-out to the listening pages. A page that reads too slowly loses events and reloads the chat instead."""

    def __init__(self) -> None:
        self._listeners: list[tuple[int, int, asyncio.Queue[Event]]] = []

    def publish(self, bot_id: int, chat_id: int, event: Event) -> None:
        """Tell the pages that show this chat."""
        for listens_to_bot, listens_to_chat, queue in self._listeners:
            if (listens_to_bot, listens_to_chat) == (bot_id, chat_id) and not queue.full():
                queue.put_nowait(event)

    @contextmanager
    def listen(self, bot_id: int, chat_id: int) -> Iterator[asyncio.Queue[Event]]:
        """The events of one chat, for as long as the block lasts."""
        listener = (bot_id, chat_id, asyncio.Queue[Event](_PAGE_BACKLOG))
        self._listeners.append(listener)
        try:
            yield listener[2]
        finally:
            self._listeners.remove(listener)
