"""What a turn takes from memory, and what it gives to it."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from concurrent.futures import Future
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from manyclaw.agent.journal import TurnRecord
from manyclaw.agent.runtime import Runtime
from manyclaw.errors import ManyclawError
from manyclaw.logs import fields, metric
from manyclaw.memory import BUDGET_SECONDS, Fact, Passage, Subject, Turn, clean, hand_over, recall, subject_of
from manyclaw.telegram import IncomingMessage
from manyclaw.tenancy import TenantScope

PASSAGES = 6
"""How many passages a prompt gets at most, and …"""

MAX_PASSAGES_CHARACTERS = 4_000
"""… how long they may be together: about 1,000 tokens."""

RECENT_MESSAGES = 16
"""Passages from so many last messages of the history are left out: the model has just read them."""

_MATCH_CHARACTERS = 700
_NEIGHBOUR_CHARACTERS = 200

log = logging.getLogger(__name__)


class Recalling:
    """A search that was begun; who asks for its result waits at most until the budget is spent."""

    def __init__(self, search: Future[list[Passage]] | None, tenant: str) -> None:
        self._search = search
        self._tenant = tenant
        self._deadline = time.monotonic() + BUDGET_SECONDS

    def passages(self) -> list[Passage]:
        """What was found; nothing, and a metric that says so, if memory is slow or down."""
        if self._search is None:
            return []
        try:
            return self._search.result(timeout=max(0.0, self._deadline - time.monotonic()))
        except Exception as error:  # whatever is wrong with memory, the answer comes without it
            metric(log, "MemorySkipped", tenant=self._tenant, error=f"{type(error).__name__}: {error}"[:200])
            return []


def recalling(runtime: Runtime, scope: TenantScope, whose: Subject, message: IncomingMessage) -> Recalling:
    """Begin to look for what was said before that belongs to this message."""
    if not runtime.settings.memory_function or not message.text.strip() or message.command():
        return Recalling(None, scope.tenant)
    query = f"{message.sender_name}: {message.text}"
    search = runtime.pool.submit(recall, runtime.clients, runtime.settings, scope.tenant, whose, query, 2 * PASSAGES)
    return Recalling(search, scope.tenant)


def remembered(facts: Sequence[Fact], passages: Sequence[Passage], shown: frozenset[str], time_zone: str) -> str:
    """What memory adds to the newest user message, or an empty text.

    ``shown`` are the turns that the model has just read anyway.
    """
    parts = []
    if facts:
        listed = "\n".join(f"{number}. {fact.text} ({fact.day})" for number, fact in enumerate(facts, 1))
        parts.append(f"Facts saved for this chat:\n{listed}")
    texts: list[str] = []
    seen = set(shown)
    for passage in passages:
        if len(texts) == PASSAGES:
            break
        if passage.turn.id not in seen:
            text = passage_text(passage, time_zone, seen)
            if sum(map(len, texts)) + len(text) > MAX_PASSAGES_CHARACTERS:
                break
            texts.append(text)
    if texts:
        head = "Said earlier in this chat, found by search; it may be outdated or have nothing to do with the question:"
        parts.append("\n\n".join([head, *texts]))
    return "\n\n".join(["[memory]", *parts]) if parts else ""


def passage_text(passage: Passage, time_zone: str, seen: set[str]) -> str:
    """A passage with its neighbours, dates and speakers; without turns in ``seen``, which its own are added to."""
    lines = []
    for turn, limit in (
        (passage.before, _NEIGHBOUR_CHARACTERS),
        (passage.turn, _MATCH_CHARACTERS),
        (passage.after, _NEIGHBOUR_CHARACTERS),
    ):
        if turn is not None and turn.id not in seen:
            seen.add(turn.id)
            lines += _lines(turn, time_zone, limit)
    return "\n".join(lines)


def _lines(turn: Turn, time_zone: str, limit: int) -> list[str]:
    at = turn.at.astimezone(ZoneInfo(time_zone))
    lines = [f"[{at:%a %Y-%m-%d %H:%M}] {turn.speaker}: {_cut(turn.said, limit)}"]
    return [*lines, f"  you: {_cut(turn.answered, limit)}"] if turn.answered else lines


def _cut(text: str, limit: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


class HandingOver:
    """A turn on its way to memory; ``sending`` is None when there is nothing to hand over."""

    def __init__(self, tenant: str, turn: str, sending: Future[None] | None) -> None:
        self._tenant = tenant
        self._turn = turn
        self._sending = sending

    def seems_taken(self) -> bool:
        """Whether memory has the turn already; never waits."""
        return self._sending is None or (self._sending.done() and self.taken())

    def taken(self) -> bool:
        """Whether memory has the turn; waits until that is known."""
        try:
            if self._sending is not None:
                self._sending.result()
        except ManyclawError as error:
            log.warning("not handed over", extra=fields(tenant=self._tenant, turn=self._turn, error=str(error)))
            return False
        return True


def handing_over(
    runtime: Runtime, scope: TenantScope, turn: str, record: TurnRecord, message: IncomingMessage
) -> HandingOver:
    """Begin to give the turn to memory, beside the sending."""
    if not record.remember or not runtime.settings.memory_queue_url:
        return HandingOver(scope.tenant, turn, None)
    finished = Turn(
        id=turn,
        conversation=message.conversation,
        at=datetime.fromtimestamp(message.sent_at, UTC),
        speaker=clean(message.sender_name, 64) or "someone",
        said=clean(message.text),
        answered=clean("\n".join(record.parts)),
    )
    whose = subject_of(message.chat_id, private=message.is_private)
    sending = runtime.pool.submit(hand_over, runtime.clients, runtime.settings, scope.tenant, whose, finished)
    return HandingOver(scope.tenant, turn, sending)
