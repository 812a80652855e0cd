"""The model loop of one turn: call, journal, run tools, call again, commit the answer."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from manyclaw.agent.bounds import MESSAGE_BYTES, bounded, cut_text
from manyclaw.agent.journal import Step, TurnRecord, Unwritable
from manyclaw.agent.model import (
    LAST_SECONDS,
    Answer,
    ModelBusy,
    ModelInterrupted,
    ModelRefused,
    PromptTooLong,
    ask,
    text_of,
)
from manyclaw.agent.opened import Opened
from manyclaw.agent.prompt import Frame, fit, frame, longest_prompt, request, user_content
from manyclaw.agent.remembering import RECENT_MESSAGES, remembered
from manyclaw.agent.runtime import Runtime
from manyclaw.agent.skill_tools import offered, skills_paragraph
from manyclaw.agent.spending import Spending
from manyclaw.agent.steps import messages_of, paused, without_orphans
from manyclaw.agent.texts import text
from manyclaw.agent.tool_audit import called, called_there
from manyclaw.agent.tools import ToolContext, run_tool
from manyclaw.aws import TransactionRefused
from manyclaw.billing import Call, Settlement
from manyclaw.errors import Misconfigured, Unavailable
from manyclaw.logs import fields
from manyclaw.mcp import connected, is_about_mcp, mcp_uses, toolsets
from manyclaw.memory import recall
from manyclaw.sessions import Message, append
from manyclaw.telegram import split_message

log = logging.getLogger(__name__)

MAX_CALLS = 16
"""Model calls in one turn; the last may use no tool, so that a turn always ends with words."""

_TOKENS_A_SECOND = 40
"""A slow model's pace, for guessing how long an answer may take at most."""

_MOST_SECONDS = 600.0
"""No call is asked to leave more than this: the process's whole time is 900 seconds."""

TOOL_SECONDS = 10.0
"""How long the model's own search in memory may take; it asked for it, so it waits longer than a passing one."""

_PAUSES = (0.5, 2.0, 5.0)
"""Seconds between the tries of a call that was refused as busy, within one attempt."""

_PATIENCE = 20.0
"""A busy model that names a longer wait is left to the queue."""


class Thinking:
    """From a turn's message, or its journal, to a committed answer."""

    def __init__(
        self,
        runtime: Runtime,
        opened: Opened,
        seconds_left: Callable[[], float],
        facts: dict[str, object],
    ) -> None:
        self._runtime = runtime
        self._opened = opened
        self._scope = opened.scope
        self._journal = opened.journal
        self._loaded = opened.loaded
        self._message = opened.message
        self._seconds_left = seconds_left
        self._facts = facts
        self._spending = Spending(opened.scope, opened.loaded, seconds_left)
        self._record: TurnRecord | None = None
        self._transcript = opened.loaded.transcript
        self._language = opened.language
        self._volatile = ""
        self._told: list[dict[str, Any]] = []

    def run(self, record: TurnRecord | None, username: str) -> TurnRecord:
        """Ask until there is an answer, and commit it.

        Raises
        ------
        TransactionRefused
            The turn was claimed before; come again with its ``record``.
        OverLimit
            The next call does not fit into the tenant's limits.
        Unavailable, ModelBusy, ModelInterrupted
            Not now; everything settled so far is in the journal.
        """
        overlay = self._loaded.overlay.overlay
        skills = self._loaded.skills
        tools = offered(overlay.allowed_tools, skills, self._runtime, self._seconds_left)
        paragraph, servers = skills_paragraph(skills), toolsets(overlay)
        stable = frame(self._loaded.gateway, overlay, tools, username, paragraph, servers)
        newest = Message("user", user_content(self._message, overlay.time_zone), self._journal.turn)
        if record is None and self._transcript.messages and self._transcript.messages[-1].turn == self._journal.turn:
            raise TransactionRefused([0], {})
        self._record = record
        self._transcript = fit(self._transcript, stable, newest)
        recent = frozenset(each.turn for each in self._transcript.messages[-RECENT_MESSAGES:])
        passages = self._loaded.recalled.passages()
        self._facts["passages"] = len(passages)
        self._volatile = remembered(self._loaded.memory.facts, passages, recent, overlay.time_zone)
        try:
            return self._until_answered(stable, newest)
        except Unwritable as error:
            log.error("turn unwritable", extra=fields(tenant=self._scope.tenant, error=str(error.__cause__)))
            return self._journal.commit_answer(self._mine(), [text("failed", self._language)], self._told)

    def _until_answered(self, stable: Frame, newest: Message) -> TurnRecord:
        while True:
            self._finish_tools(stable)
            self._told = []
            said = [newest, *messages_of(self._record, self._journal.turn)]
            try:
                call, answer = self._call(stable, said)
            except (ModelRefused, ModelInterrupted) as error:
                if _server_failed(stable, error):
                    stable = self._without_servers(stable, error)
                    continue
                if isinstance(error, ModelInterrupted):
                    raise
                log.error("model refused", extra=fields(tenant=self._scope.tenant, error=str(error)))
                if self._shorten(error):
                    continue
                return self._journal.commit_answer(self._mine(), [text("failed", self._language)], [])
            with self._spending.settled(call, self._settlement(stable, call, answer)) as settled:
                self._mcp_called(stable, answer)
                self._told = called_there(self._scope, self._journal.turn, answer.content)
                if not self._goes_on(answer):
                    return self._commit(said, answer, [*settled, *self._told])
                step = Step("assistant", answer.content)
                self._record = self._journal.add_step(self._mine(), step, datetime.now(UTC), [*settled, *self._told])

    def _goes_on(self, answer: Answer) -> bool:
        """Whether the model waits for tools, or was paused among a server's and wants to be asked on."""
        if answer.stop_reason == "pause_turn":
            return bool(answer.content) and self._mine().calls < MAX_CALLS
        return answer.stop_reason == "tool_use" and bool(answer.tool_uses)

    def _without_servers(self, stable: Frame, error: Exception) -> Frame:
        """An MCP server fails, and the whole call with it: answer without the servers, and say so."""
        hosts = [each.host for each in stable.servers]
        log.warning("mcp failed", extra=fields(tenant=self._scope.tenant, hosts=hosts, error=str(error)))
        self._runtime.forget_mcp_tokens(self._scope)
        names = ", ".join(each.server for each in stable.servers)
        self._volatile = f"{self._volatile}\n\n[{names} cannot be reached now, so their tools are not there]".strip()
        return replace(stable, servers=())

    def _mcp_called(self, stable: Frame, answer: Answer) -> None:
        """Every call of an MCP server's tool passes here once, when the answer that holds it is settled."""
        hosts = {each.server: each.host for each in stable.servers}
        for use in mcp_uses(answer.content):
            server, tool = use["server_name"], use["name"]
            called = fields(tenant=self._scope.tenant, turn=self._journal.turn, server=server, tool=tool)
            called["fields"]["host"] = hosts.get(server, "")
            log.info("mcp tool", extra=called)

    @property
    def record(self) -> TurnRecord | None:
        """The turn as this attempt last wrote it; None before it was claimed."""
        return self._record

    def _mine(self) -> TurnRecord:
        assert self._record is not None
        return self._record

    def _shorten(self, error: ModelRefused) -> bool:
        """Show the model less of the conversation; False when there is nothing left to leave out.

        A prompt that is too long loses its older half. One that is refused for another reason may hold something in its
        history that the API no longer takes: without this it would refuse every further message of the chat.
        """
        messages = self._transcript.messages
        if not messages:
            return False
        half = sum(len(str(message.content)) for message in messages) // 2
        kept = self._transcript.without_oldest(half if isinstance(error, PromptTooLong) else 0)
        self._transcript = kept if len(kept.messages) < len(messages) else self._transcript.without_oldest(0)
        return True

    def _finish_tools(self, stable: Frame) -> None:
        """Run the tools that the last answer asked for and that have no result in the journal yet."""
        steps = self._record.steps if self._record else ()
        results = 0
        while results < len(steps) and steps[-1 - results].role == "result":
            results += 1
        if results == len(steps):
            return
        uses = [block for block in steps[-1 - results].content if block["type"] == "tool_use"]
        most = MESSAGE_BYTES // max(1, len(uses))
        for use in uses[results:]:
            context = tool_context(self._runtime, self._opened)
            block = run_tool(stable.tools, use, context, most)
            self._told = [called(self._scope, self._journal.turn, use, block, stable.tools)]
            self._record = self._journal.add_step(self._mine(), Step("result", [block]), datetime.now(UTC), self._told)

    def _call(self, stable: Frame, said: list[Message]) -> tuple[Call, Answer]:
        """One whole answer. A busy model is tried again under the same ledger row, a broken call under a new one."""
        body = request(stable, self._transcript.messages, said, self._volatile)
        if body.get("tools") and self._record is not None and self._record.calls >= MAX_CALLS - 1:
            body["tool_choice"] = {"type": "none"}
        if stable.servers:
            body["mcp_servers"] = connected(stable.servers, partial(self._runtime.mcp_token, self._scope))
        key = self._runtime.anthropic_key()
        needed = min(_MOST_SECONDS, stable.max_tokens / _TOKENS_A_SECOND) + LAST_SECONDS
        call: Call | None = None
        for pause in (*_PAUSES, None):
            if self._seconds_left() < needed:
                if call is not None:
                    self._spending.refuse(call, "busy until there was no time left")
                raise Unavailable("There is too little time left for another model call.", retry_after=1)
            call = call or self._begin(stable, body, said)
            try:
                answer = ask(self._runtime.settings.anthropic_base_url, key, body, self._seconds_left)
                return call, replace(answer, content=bounded(answer.content))
            except ModelBusy as error:
                wait = max(pause or 0.0, error.retry_after or 0.0)
                if pause is None or wait > _PATIENCE:
                    self._spending.refuse(call, str(error))
                    raise
                self._runtime.sleep(wait)
            except ModelInterrupted as error:
                if pause is None or _server_failed(stable, error):
                    raise
                call = None
                self._runtime.sleep(pause)
            except (ModelRefused, Misconfigured) as error:
                self._spending.refuse(call, str(error))
                if isinstance(error, Misconfigured):
                    self._runtime.forget_key()
                raise
        raise AssertionError("unreachable")

    def _begin(self, stable: Frame, body: dict[str, Any], said: list[Message]) -> Call:
        call = Call(
            turn=self._journal.turn,
            number=(self._record.calls if self._record else 0) + 1,
            model=stable.model,
            user=self._message.user,
            source=self._message.source,
            began_at=datetime.now(UTC),
        )

        def write(items: list[dict[str, Any]]) -> None:
            if self._record is None:
                first = self._opened.first_words(self._transcript, call.began_at)
                self._record = self._journal.claim(call.began_at, [*first, *items], calls=1)
            else:
                self._record = self._journal.begin_call(self._record, *items)

        context, servers = self._transcript.context_tokens, len(stable.servers)
        return self._spending.begin(call, stable, lambda: longest_prompt(body, said, context, servers), write)

    def _settlement(self, stable: Frame, call: Call, answer: Answer) -> Settlement:
        self._facts["calls"] = call.number
        self._facts["model"] = stable.model
        self._facts.update(answer.tokens.as_attributes())
        return Settlement(
            tokens=answer.tokens,
            rates=self._loaded.gateway.rates(stable.model, call.day),
            request_id=answer.request_id,
            stop_reason=answer.stop_reason,
            tool_calls=len(answer.tool_uses) + len(mcp_uses(answer.content)),
        )

    def _commit(self, said: list[Message], answer: Answer, settled: list[dict[str, Any]]) -> TurnRecord:
        """Commit the reply. A refusal is not kept: with it in the history, the model would go on refusing."""
        if answer.stop_reason == "refusal":
            return self._journal.commit_answer(self._mine(), [text("declined", self._language)], settled)
        told = cut_text(text_of([*paused(self._mine()), *answer.content]), MESSAGE_BYTES)
        reply = told or text("empty", self._language)
        content = [block for block in answer.content if block["type"] != "tool_use"]
        if not told or not content:
            content = [*content, {"type": "text", "text": reply}]
        kept = without_orphans([*said, Message("assistant", content, self._journal.turn)])
        items = append(self._scope, self._transcript, kept, answer.context_tokens, datetime.now(UTC))
        return self._journal.commit_answer(self._mine(), split_message(reply), [*settled, *items], remember=bool(told))


def _server_failed(stable: Frame, error: Exception) -> bool:
    """Whether the call failed by an MCP server, before the answer began or in the middle of it."""
    return bool(stable.servers) and is_about_mcp(str(error))


def tool_context(runtime: Runtime, opened: Opened) -> ToolContext:
    """What the tools of a turn may know."""
    scope, loaded, message = opened.scope, opened.loaded, opened.message
    whose, zone = loaded.memory.subject, loaded.overlay.overlay.time_zone
    search = partial(recall, runtime.clients, runtime.settings, scope.tenant, whose, seconds=TOOL_SECONDS)
    now, turn = datetime.now(UTC), opened.journal.turn
    return ToolContext(scope, message.conversation, now, whose, zone, search, message, turn, language=opened.language)
