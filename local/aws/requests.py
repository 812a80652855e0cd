"""Every AWS request passes here on its way to its service: counted, noted as activity, and held when a test asks.

A held request stands for a crash at the worst moment: held before, nothing of it has happened; held after, all of it
has, and only the caller does not know.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from local.aws import activity
from local.aws.leading_keys import current_action

Response = tuple[int, dict[str, str], Any]
Handler = Callable[..., Awaitable[Response]]


@dataclass
class Hold:
    """A standing order to hold requests: the next `times` of a service's action whose body holds `match`."""

    service: str
    action: str
    match: bytes
    after: bool
    times: int


@dataclass
class Gate:
    """Counts requests and holds those that a test has ordered held."""

    counts: Counter[str] = field(default_factory=Counter)
    orders: list[Hold] = field(default_factory=list)
    held: int = 0
    _open: asyncio.Event = field(default_factory=asyncio.Event)

    def hold(self, order: Hold) -> None:
        """Add an order."""
        self.orders.append(order)

    def release(self) -> None:
        """Forget all orders and let what is held go on."""
        self.orders.clear()
        self._open.set()
        self._open = asyncio.Event()

    def _order_for(self, service: str, action: str, body: bytes) -> Hold | None:
        for order in self.orders:
            if order.times > 0 and order.service == service and order.action == action and order.match in body:
                order.times -= 1
                return order
        return None

    async def _wait(self) -> None:
        self.held += 1
        try:
            await self._open.wait()
        finally:
            self.held -= 1

    def wrap(self, service: str, handler: Handler) -> Handler:
        """The service's handler behind this gate."""

        async def handle(method: str, path: str, headers: Any, body: bytes, query: Any) -> Response:
            action = current_action().partition(":")[2] or method
            self.counts[f"{service}.{action}"] += 1
            order = self._order_for(service, action, body) if self.orders else None
            if order and not order.after:
                await self._wait()
            try:
                response = await handler(method, path, headers, body, query)
            finally:
                if method != "GET":
                    activity.mark()
            if order and order.after:
                await self._wait()
            return response

        return handle


GATE = Gate()


def install() -> None:
    """Put the gate before every service."""
    from ministack import app

    for service, handler in list(app.SERVICE_HANDLERS.items()):
        app.SERVICE_HANDLERS[service] = GATE.wrap(service, handler)
