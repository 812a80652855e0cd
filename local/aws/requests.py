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

# Actions that change nothing; a poll of these must not cost a checkpoint.
_READING = ("BatchGet", "Describe", "Get", "List", "Query", "Scan", "TransactGet")

Response = tuple[int, dict[str, str], Any]
_DROPPED: Response = (503, {"Content-Type": "application/json"}, b'{"__type":"ServiceUnavailable"}')
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
    _outcome: Any = None  # a future of the loop that serves: whether what is held may go on

    def hold(self, order: Hold) -> None:
        """Add an order."""
        if self._outcome is None:
            self._outcome = asyncio.get_running_loop().create_future()
        self.orders.append(order)

    def release(self, *, drop: bool = False) -> None:
        """Forget all orders and let what is held go on, or, with `drop`, fail: as when the caller died before its
        request was on the wire."""
        self.orders.clear()
        if self._outcome is not None:
            self._outcome.set_result(not drop)
        self._outcome = asyncio.get_running_loop().create_future()

    def _order_for(self, service: str, action: str, body: bytes) -> Hold | None:
        for order in self.orders:
            if order.times > 0 and order.service == service and order.action == action and order.match in body:
                order.times -= 1
                return order
        return None

    async def _may_go_on(self) -> bool:
        self.held += 1
        try:
            return bool(await asyncio.shield(self._outcome))
        finally:
            self.held -= 1

    def wrap(self, service: str, handler: Handler) -> Handler:
        """The service's handler behind this gate."""

        async def handle(method: str, path: str, headers: Any, body: bytes, query: Any) -> Response:
            action = current_action().partition(":")[2] or method
            self.counts[f"{service}.{action}"] += 1
            order = self._order_for(service, action, body) if self.orders else None
            if order and not order.after and not await self._may_go_on():
                return _DROPPED
            try:
                response = await handler(method, path, headers, body, query)
            finally:
                if method not in ("GET", "HEAD") and not action.startswith(_READING):
                    activity.mark()
            if order and order.after and not await self._may_go_on():
                return _DROPPED
            return response

        return handle


GATE = Gate()


def install() -> None:
    """Put the gate before every service."""
    from ministack import app

    for service, handler in list(app.SERVICE_HANDLERS.items()):
        app.SERVICE_HANDLERS[service] = GATE.wrap(service, handler)
