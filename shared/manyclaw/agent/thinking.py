"""The model loop of one turn: call, journal, run tools, call again, commit the answer."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from manyclaw.agent.journal import Journal, Step, TurnRecord
from manyclaw.agent.loading import Loaded
from manyclaw.agent.model import Answer, ModelBusy, ModelInterrupted, ModelRefused, PromptTooLong, ask
from manyclaw.agent.prompt import Frame, fit, frame, request, user_content
from manyclaw.agent.remembering import RECENT_MESSAGES, remembered
from manyclaw.agent.runtime import Runtime
from manyclaw.agent.texts import text
from manyclaw.agent.tools import ToolContext, allowed, run_tool
from manyclaw.billing import Call, Settlement, begin, refuse, settle
from manyclaw.errors import Misconfigured, Unavailable
from manyclaw.logs import fields
from manyclaw.memory import recall
from manyclaw.sessions import Message, Transcript, append, index_row
from manyclaw.telegram import IncomingMessage, split_message
from manyclaw.tenancy import TenantScope

log = logging.getLogger(__name__)

MAX_CALLS = 16
"""Model calls in one turn; the last may use no tool, so that a turn always ends with words."""

LEAST_SECONDS = 25.0
"""No call is begun with less of the process's time left; the queue brings the turn again."""

TOOL_SECONDS = 10.0
"""How long the model's own search in memory may take; it asked for it, so it waits longer than a passing one."""

_PAUSES = (0.5, 2.0, 5.0)
"""Seconds between the tries of a call that was refused as busy, within one attempt."""


class Thinking:
    """From a turn's message, or its journal, to a committed answer."""

    def __init__(
        self,
        runtime: Runtime,
        scope: TenantScope,
        journal: Journal,
        loaded: Loaded,
        message: IncomingMessage,
        seconds_left: Callable[[], float],
        facts: dict[str, object],
    ) -> None:
        self._runtime = runtime
        self._scope = scope
        self._journal = journal
        self._loaded = loaded
        self._message = message
        self._seconds_left = seconds_left
        self._facts = facts
        self._volatile = ""

    def run(self, record: TurnRecord | None, username: str) -> TurnRecord:
        """Ask until there is an answer, and commit it.

        Raises
        ------
        TransactionRefused
            The turn was claimed before; load it and come again with its ``record``.
        Unavailable, ModelBusy, ModelInterrupted
            Not now; everything settled so far is in the journal.
        """
        overlay = self._loaded.overlay.overlay
        stable = frame(self._loaded.gateway, overlay, allowed(overlay.allowed_tools), username)
        newest = Message("user", user_content(self._message, overlay.time_zone), self._journal.turn)
        transcript = fit(self._loaded.transcript, stable, newest)
        if transcript.next_seq and transcript.messages and transcript.messages[-1].turn == self._journal.turn:
            raise Unavailable("The transcript holds this turn already, but its record does not.", retry_after=5)
        recent = frozenset(each.turn for each in transcript.messages[-RECENT_MESSAGES:])
        passages = self._loaded.recalled.passages()
        self._facts["passages"] = len(passages)
        self._volatile = remembered(self._loaded.memory.facts, passages, recent, overlay.time_zone)
        while True:
            record = self._finish_tools(record, stable)
            said = [newest, *_messages(record, self._journal.turn)]
            try:
                record, call, answer = self._call(record, stable, transcript, said)
            except PromptTooLong:
                shorter = transcript.without_oldest(_half(transcript))
                if len(shorter.messages) == len(transcript.messages):
                    return self._give_up(record)
                transcript = shorter
                record = self._journal.load()
                continue
            except ModelRefused as error:
                log.error("model refused", extra=fields(tenant=self._scope.tenant, error=str(error)))
                return self._give_up(None)
            settled = settle(self._scope, call, self._settlement(stable, call, answer), datetime.now(UTC))
            if answer.stop_reason == "tool_use" and answer.tool_uses:
                step = Step("assistant", answer.content)
                record = self._journal.add_step(record, step, datetime.now(UTC), settled)
                continue
            return self._commit(record, transcript, said, answer, settled)

    def _finish_tools(self, record: TurnRecord | None, stable: Frame) -> TurnRecord | None:
        """Run the tools that the last answer asked for and that have no result in the journal yet."""
        if record is None or not record.steps:
            return record
        results = 0
        while results < len(record.steps) and record.steps[-1 - results].role == "result":
            results += 1
        if results == len(record.steps):
            return record
        uses = [block for block in record.steps[-1 - results].content if block["type"] == "tool_use"]
        for use in uses[results:]:
            context = self._tool_context()
            block = run_tool(stable.tools, use, context)
            record = self._journal.add_step(record, Step("result", [block]), datetime.now(UTC), [])
        return record

    def _tool_context(self) -> ToolContext:
        whose = self._loaded.memory.subject
        runtime = self._runtime
        search = partial(recall, runtime.clients, runtime.settings, self._scope.tenant, whose, seconds=TOOL_SECONDS)
        zone = self._loaded.overlay.overlay.time_zone
        return ToolContext(self._scope, self._message.conversation, datetime.now(UTC), whose, zone, search)

    def _call(
        self, record: TurnRecord | None, stable: Frame, transcript: Transcript, said: list[Message]
    ) -> tuple[TurnRecord, Call, Answer]:
        """One settled answer. A busy model is tried again under the same ledger row, a broken call under a new one."""
        body = request(stable, transcript.messages, said, self._volatile)
        if stable.tools and record is not None and record.calls >= MAX_CALLS - 1:
            body["tool_choice"] = {"type": "none"}
        key = self._runtime.anthropic_key()
        call: Call | None = None
        for pause in (*_PAUSES, None):
            if self._seconds_left() < LEAST_SECONDS:
                raise Unavailable("There is too little time left for another model call.", retry_after=1)
            if call is None:
                record, call = self._begin(record, stable)
            assert record is not None
            try:
                answer = ask(self._runtime.settings.anthropic_base_url, key, body)
            except ModelBusy as error:
                wait = max(pause or 0.0, error.retry_after or 0.0)
                if pause is None or wait > 20:
                    refuse(self._scope, call, str(error))
                    raise
                self._runtime.sleep(wait)
            except ModelInterrupted:
                if pause is None:
                    raise
                call = None
                self._runtime.sleep(pause)
            except (ModelRefused, Misconfigured) as error:
                refuse(self._scope, call, str(error))
                if isinstance(error, Misconfigured):
                    self._runtime.forget_key()
                raise
            else:
                return record, call, answer
        raise AssertionError("unreachable")

    def _begin(self, record: TurnRecord | None, stable: Frame) -> tuple[TurnRecord, Call]:
        call = Call(
            turn=self._journal.turn,
            number=(record.calls if record else 0) + 1,
            model=stable.model,
            user=str(self._message.sender_id or self._message.chat_id),
            source="chat",
            began_at=datetime.now(UTC),
        )
        row = begin(self._scope, call)
        if record is None:
            return self._journal.claim(call.began_at, [row], calls=1), call
        return self._journal.begin_call(record, row), call

    def _settlement(self, stable: Frame, call: Call, answer: Answer) -> Settlement:
        self._facts["calls"] = call.number
        self._facts["model"] = stable.model
        self._facts.update(answer.tokens.as_attributes())
        return Settlement(
            tokens=answer.tokens,
            rates=self._loaded.gateway.rates(stable.model, call.day),
            request_id=answer.request_id,
            stop_reason=answer.stop_reason,
            tool_calls=len(answer.tool_uses),
        )

    def _commit(
        self,
        record: TurnRecord,
        transcript: Transcript,
        said: list[Message],
        answer: Answer,
        settled: list[dict[str, Any]],
    ) -> TurnRecord:
        language = self._loaded.overlay.overlay.language_for(self._loaded.gateway)
        reply = answer.text or text("failed" if answer.stop_reason == "refusal" else "empty", language)
        content = [block for block in answer.content if block["type"] != "tool_use"]
        if not answer.text:
            content = [*content, {"type": "text", "text": reply}]
        kept = [*said, Message("assistant", content, self._journal.turn)]
        now = datetime.now(UTC)
        context_tokens = answer.tokens.prompt + answer.tokens.output
        items = [*settled, *append(self._scope, transcript, kept, context_tokens, now)]
        if transcript.next_seq == 0:
            items.append(index_row(self._scope, transcript.conversation, self._message.chat_type, now))
        return self._journal.commit_answer(record, split_message(reply), items, remember=bool(answer.text))

    def _give_up(self, record: TurnRecord | None) -> TurnRecord:
        """The model will never take this prompt: say so, and leave the transcript as it was."""
        language = self._loaded.overlay.overlay.language_for(self._loaded.gateway)
        known = record or self._journal.load()
        assert known is not None
        return self._journal.commit_answer(known, [text("failed", language)], [])


def _messages(record: TurnRecord | None, turn: str) -> list[Message]:
    """The journal's steps as messages: all results of one answer's tool calls are one user message."""
    messages: list[Message] = []
    for step in record.steps if record else ():
        if step.role == "assistant":
            messages.append(Message("assistant", step.content, turn))
        elif messages and messages[-1].role == "user":
            messages[-1] = replace(messages[-1], content=[*messages[-1].content, *step.content])
        else:
            messages.append(Message("user", step.content, turn))
    return messages


def _half(transcript: Transcript) -> int:
    return sum(len(str(message.content)) for message in transcript.messages) // 2
