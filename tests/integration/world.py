"""The embedded stack as a test sees it: from outside, over HTTP, with the operator's rights.

Nothing here sleeps to wait: :meth:`World.until` polls a condition and says what it saw when it never came true.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

import urllib3

from cli.context import Operator
from cli.stage import local_stage
from manyclaw.billing import DayUsage, LedgerRow, Tokens, ledger_rows, usage_by_day
from manyclaw.telegram import pair
from manyclaw.tenancy import TenantScope, save_overlay

_people = count(int(time.time()) % 1_000_000 * 1_000)


@dataclass(frozen=True)
class Person:
    """An end user with a private chat."""

    id: int
    name: str

    @classmethod
    def new(cls, name: str = "Ann") -> Person:
        return cls(next(_people), name)

    def as_sender(self) -> dict[str, Any]:
        return {"id": self.id, "is_bot": False, "first_name": self.name}


@dataclass
class Customer:
    """A tenant with its bot. ``marker`` stands in its system prompt and in no other's."""

    id: str
    username: str
    token: str = field(repr=False)
    bot_id: int
    marker: str
    scope: TenantScope


class World:
    """One running stack."""

    def __init__(self, stack: dict[str, Any]) -> None:
        self.stack = stack
        self.operator = Operator(local_stage(stack))
        self.http = urllib3.PoolManager(maxsize=64, retries=False, timeout=urllib3.Timeout(30))

    # ------------------------------------------------------------------ plumbing
    def request(self, method: str, url: str, body: Any = None, headers: dict[str, str] | None = None) -> Any:
        data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        return self.http.request(
            method, url, body=data, headers={"Content-Type": "application/json", **(headers or {})}
        )

    def _json(self, method: str, url: str, body: Any = None) -> Any:
        response = self.request(method, url, body)
        assert response.status < 300, f"{method} {url}: {response.status} {response.data[:300]!r}"
        return json.loads(response.data or b"null")

    def telegram(self, method: str, path: str, body: Any = None) -> Any:
        """The simulated Telegram's own routes."""
        return self._json(method, f"{self.stack['telegram_api_url']}/_sim/{path}", body)

    def model(self, method: str, path: str, body: Any = None) -> Any:
        """The simulated model's own routes."""
        return self._json(method, f"{self.stack['anthropic_base_url']}/_sim/{path}", body)

    def aws(self, method: str, path: str, body: Any = None) -> Any:
        """The embedded AWS's levers on time and failure."""
        return self._json(method, f"{self.stack['aws_endpoint']}/_manyclaw/{path}", body)

    def until(self, what: str, condition: Callable[[], Any], seconds: float = 60.0) -> Any:
        """Poll until ``condition`` is truthy and give its value."""
        deadline = time.monotonic() + seconds
        while True:
            value = condition()
            if value:
                return value
            assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
            time.sleep(0.02)

    # ------------------------------------------------------------------ tenants
    def customer(self, config: str = "", *, model: str = "claude-haiku-4-5", marker: str = "") -> Customer:
        """A new tenant with a bot of its own; ``config`` are further lines of its overlay."""
        name = f"t-{secrets.token_hex(5)}"
        marker = marker or f"marker-{name}"
        self.operator.registry.create(name)
        scope = self.operator.scopes.open(name)
        overlay = f"model: {model}\nsystem_prompt: You are the assistant of {marker}.\n{config}"
        save_overlay(scope, overlay, self.operator.gateway, self.operator.tools)
        bot = self.telegram("POST", "bots", {"username": f"{name.replace('-', '_')}_bot", "name": name})
        stage = self.operator.stage
        pair(scope, self.operator.table, bot["token"], api_urls=stage.telegram_api_urls, webhook_base=stage.public_url)
        return Customer(name, bot["username"], bot["token"], int(bot["id"]), marker, scope)

    def again(self, customer: Customer) -> Customer:
        """A customer of a stack that was started anew: the old sessions went with its processes."""
        return replace(customer, scope=self.operator.scopes.open(customer.id))

    # ------------------------------------------------------------------ talking
    def say(self, to: Customer, person: Person, text: str | None, **more: Any) -> dict[str, Any]:
        """A person writes; gives ``update_id`` and ``message_id``. ``chat`` writes elsewhere than in private."""
        chat = more.pop("chat", person.id)
        body = {"bot": to.username, "text": text, "from": person.as_sender(), **more}
        sent: dict[str, Any] = self.telegram("POST", f"chats/{chat}/messages", body)
        return sent

    def answers(self, by: Customer, chat: int) -> list[str]:
        """What the bot has written in a chat, in order."""
        got = self.telegram("GET", f"chats/{chat}/messages?bot={by.username}")
        return [message["text"] for message in got["messages"] if message["from_bot"]]

    def has_answered(self, by: Customer, chat: int, times: int) -> bool:
        """Whether the bot has written so many messages in a chat."""
        return len(self.answers(by, chat)) == times

    def ask(self, to: Customer, person: Person, text: str, seconds: float = 60.0) -> str:
        """A person writes in private and waits for the next answer."""
        before = len(self.answers(to, person.id))
        self.say(to, person, text)
        answers: list[str] = self.until(f"an answer to {text!r}", lambda: self.answers(to, person.id)[before:], seconds)
        return answers[0]

    def repeat(self, to: Customer, update_id: int) -> int:
        """Telegram posts an update once more; gives the webhook's status."""
        again = self.telegram("POST", f"updates/{update_id}/redeliver", {"bot": to.username})
        return int(again["status"])

    def calls_to_telegram(self, by: Customer, method: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.telegram("GET", f"log?bot={by.username}&method={method}")
        return found

    # ------------------------------------------------------------------ what it cost
    def model_calls(self, of: Customer) -> list[dict[str, Any]]:
        """What reached the model for a tenant, found by the marker in its system prompt."""
        log = self.model("GET", f"log?holding={of.marker}")
        return [call for call in log if of.marker in json.dumps(call["request"].get("system", ""))]

    def ledger(self, of: Customer) -> list[LedgerRow]:
        today = datetime.now(UTC).date()
        return list(ledger_rows(of.scope, today - timedelta(days=1), today))

    def usage(self, of: Customer) -> list[DayUsage]:
        today = datetime.now(UTC).date()
        return usage_by_day(of.scope, today - timedelta(days=1), today)

    def check_books(self, of: Customer, *, unsettled: int = 0, refused: int = 0) -> None:
        """Ledger = counters = what the model served in full, to the token; and what is open is listed."""

        def closed() -> bool:
            states = [row.state for row in self.ledger(of)]
            return states.count("begun") == unsettled and states.count("refused") == refused

        self.until(f"{unsettled} unsettled and {refused} refused rows: {self.ledger(of)}", closed, 15)
        rows = [row for row in self.ledger(of) if row.state == "settled"]
        served = {call["request_id"]: call for call in self.model_calls(of) if _served(call)}
        for row in rows:
            assert row.request_id in served, f"the ledger has a call that the model never served: {row}"
            assert row.tokens == tokens(served[row.request_id]["usage"])
        settled = {row.request_id for row in rows}
        lost = [request for request in served if request not in settled]
        assert len(lost) <= unsettled, f"served, but neither settled nor listed as open: {lost}"
        counted = self.usage(of)
        assert sum(day.requests for day in counted) == len(rows)
        assert sum((day.cost_usd for day in counted), Decimal(0)) == sum((row.cost_usd for row in rows), Decimal(0))
        for name in ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h"):
            assert sum(getattr(day.tokens, name) for day in counted) == sum(getattr(row.tokens, name) for row in rows)

    # ------------------------------------------------------------------ harm
    def agents(self) -> list[dict[str, Any]]:
        """The agent's processes that are at work now."""
        name = self.stack["outputs"]["AgentFunctionName"]
        return [worker for worker in self.aws("GET", "workers") if worker["function"] == name and worker["in_use"]]

    def kill_agents(self) -> int:
        """SIGKILL every agent process that is at work; gives how many."""
        working = self.agents()
        for worker in working:
            os.kill(worker["pid"], signal.SIGKILL)
        self.until("the dead to be buried", lambda: not self.agents())
        return len(working)

    def pass_time(self, seconds: float) -> None:
        """Move the clock by which the queue gives a message back."""
        self.aws("POST", "clock", {"advance_seconds": seconds})

    def heal(self) -> None:
        """Take back every fault and hold."""
        self.telegram("DELETE", "faults")
        self.telegram("POST", "release")
        self.model("DELETE", "faults")
        self.model("POST", "release")
        self.model("POST", "latency", {"seconds": 0})
        self.aws("POST", "release")


def _served(call: dict[str, Any]) -> bool:
    return bool(call["completed"]) and call["status"] == 200


def tokens(usage: dict[str, Any]) -> Tokens:
    split = usage.get("cache_creation") or {}
    hour = int(split.get("ephemeral_1h_input_tokens") or 0)
    return Tokens(
        input=usage["input_tokens"],
        output=usage["output_tokens"],
        cache_read=usage.get("cache_read_input_tokens") or 0,
        cache_write_5m=(usage.get("cache_creation_input_tokens") or 0) - hour,
        cache_write_1h=hour,
    )
