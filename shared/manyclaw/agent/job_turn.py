"""A job's turn in one chat: the same journal, ledger and delivery as a person's, with a message that nobody wrote."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any

from manyclaw.agent.envelope import Envelope
from manyclaw.agent.journal import Journal, TurnRecord
from manyclaw.agent.limits import over_limit_entry
from manyclaw.agent.loading import Loaded
from manyclaw.agent.prompt import Frame, user_content
from manyclaw.agent.pulse import Pulse
from manyclaw.agent.runtime import Runtime
from manyclaw.agent.thinking import Thinking, claim_without_call, tool_context
from manyclaw.agent.tool_audit import called, left_open
from manyclaw.agent.tools import allowed, run_tool
from manyclaw.agent.turn import GIVE_UP_AT, Attempt, Turn
from manyclaw.audit import Actor, record
from manyclaw.aws import from_item
from manyclaw.billing import OverLimit, tell_once, turn_usage
from manyclaw.errors import BadInput, PermanentError
from manyclaw.schedules import OWN, Job, load_run
from manyclaw.sessions import Message, append
from manyclaw.telegram import Bot, IncomingMessage, split_message
from manyclaw.tenancy import TenantScope

_LATE_AFTER = 300
"""Seconds after which a reminder says when it was due."""


class BudgetReached(PermanentError):
    """The run has cost what it may."""


@dataclass(frozen=True)
class Receipt:
    """What the journal knows of a part's turn. ``note`` says what went wrong; empty if nothing did."""

    note: str = ""
    message_ids: tuple[int, ...] = field(default=())
    claimed_at: datetime | None = None


def conversation_of(job: Job, conversation: str) -> str:
    """The chat's own conversation, or the job's in that chat."""
    return f"{conversation}{OWN}{job.job}" if job.spec.conversation == "own" else conversation


def read_receipt(scope: TenantScope, job: Job, envelope: Envelope) -> Receipt:
    """From the journal of the part's turn."""
    key = scope.part(f"CHAT#{conversation_of(job, envelope.conversation)}", f"TURN#{envelope.turn}")
    answer = scope.clients.dynamodb.get_item(TableName=scope.table, Key=key.wire(), ConsistentRead=True)
    if "Item" not in answer:
        return Receipt()
    row = from_item(dict(answer["Item"]))
    note = str(row.get("note", ""))
    return Receipt(
        note="" if note == _QUIET else note,
        message_ids=tuple(int(each) for each in row.get("message_ids", ())),
        claimed_at=datetime.fromisoformat(row["claimed_at"]),
    )


_QUIET = "kept quiet"
OVER_QUOTA = "the tenant's quota is used up"


class _Budgeted(Thinking):
    """Makes no further call once the run has cost what it may."""

    def __init__(self, *arguments: Any, budget: Decimal, spent: Decimal) -> None:
        super().__init__(*arguments)
        self._left = budget - spent

    def _call(self, stable: Frame, said: list[Message]) -> Any:
        used = turn_usage(self._scope, self._journal.turn, datetime.now(UTC)).cost_usd
        if used >= self._left:
            raise BudgetReached(f"The run's budget is used up after {used} USD in this chat.")
        return super()._call(stable, said)


class JobTurn(Turn):
    """One part of a run."""

    def __init__(self, runtime: Runtime, attempt: Attempt, pulse: Pulse, facts: dict[str, object], job: Job) -> None:
        super().__init__(runtime, attempt, pulse, facts)
        self._job = job

    def _message(self) -> IncomingMessage:
        chat, _, topic = self._envelope.conversation.partition(":")
        return IncomingMessage(
            update_id=0,
            message_id=0,
            chat_id=int(chat),
            chat_type="supergroup" if chat.startswith("-") else "private",
            thread_id=int(topic) if topic else None,
            conversation=conversation_of(self._job, self._envelope.conversation),
            sender_id=None,
            sender_name=f"schedule {self._job.job}",
            sender_is_bot=False,
            language_code="",
            text=self._job.spec.prompt or self._job.spec.tool,
            attachment="",
            sent_at=int(datetime.fromisoformat(self._envelope.due).timestamp()),
            mentions=(),
            reply_to_id=None,
            source="schedule",
        )

    def _actor(self, message: IncomingMessage) -> Actor:
        return Actor("schedule", f"job:{self._job.job}", "schedule")

    def _ignored(self, loaded: Loaded, message: IncomingMessage) -> str:
        if loaded.status != "active":
            return f"the tenant is {loaded.status or 'not there'}"
        return "" if loaded.pairing else "no bot is paired"

    def _without_model(self, loaded: Loaded, message: IncomingMessage, language: str) -> str:
        """Nothing is said in a model's place; a model without a price is an error for the ledger."""
        gateway = loaded.gateway
        gateway.rates(loaded.overlay.overlay.model_for(gateway), datetime.now(UTC).date())
        return ""

    def _answer(
        self,
        scope: TenantScope,
        journal: Journal,
        record: TurnRecord | None,
        loaded: Loaded,
        message: IncomingMessage,
        bot: Bot,
    ) -> TurnRecord:
        if record is not None and record.state == "answered":
            return self._hushed(journal, record)
        if record is not None and record.tries >= GIVE_UP_AT:
            return _give_up(journal, record, "given up: the model could not be asked", left_open(scope, record))
        if self._job.spec.kind != "prompt":
            return self._plain(scope, journal, record, loaded, message)
        budget = self._job.spec.budget_run_usd
        if budget is not None:
            run = load_run(scope, self._job.job, self._envelope.due)
            spent = run.cost_usd if run else Decimal(0)
            self.thinking = partial(_Budgeted, budget=budget, spent=spent)
        try:
            return self._hushed(journal, super()._answer(scope, journal, record, loaded, message, bot))
        except BudgetReached as reached:
            known = journal.resume()
            if known is None:
                known = claim_without_call(scope, journal, loaded.transcript, message)
            return _give_up(journal, known, reached.message)

    def _over_limit(
        self,
        scope: TenantScope,
        journal: Journal,
        record: TurnRecord | None,
        loaded: Loaded,
        message: IncomingMessage,
        over: OverLimit,
    ) -> TurnRecord:
        """A minute's limit is waited for; a day's ends the part, without a word to the chat."""
        if over.quota.endswith("_per_minute"):
            raise over
        if record is None:
            record = claim_without_call(scope, journal, loaded.transcript, message)
        told: list[dict[str, Any]] = []
        if f"job:{self._job.job}" not in over.told:
            told = [tell_once(scope, over, f"job:{self._job.job}"), over_limit_entry(scope, journal.turn, over)]
        return _give_up(journal, record, f"{OVER_QUOTA} ({over.quota})", told)

    def _hushed(self, journal: Journal, record: TurnRecord) -> TurnRecord:
        """A quiet job's answer is kept in the conversation and not sent."""
        if not self._job.spec.quiet or record.state != "answered":
            return record
        journal.finish(record, _QUIET)
        return TurnRecord(record.turn, "delivered", record.attempt, record.tries)

    def _plain(
        self,
        scope: TenantScope,
        journal: Journal,
        record: TurnRecord | None,
        loaded: Loaded,
        message: IncomingMessage,
    ) -> TurnRecord:
        """A reminder or a tool's result: no model is asked, but the conversation knows of it."""
        said, told = self._said(scope, journal, loaded, message)
        now = datetime.now(UTC)
        if record is None:
            record = claim_without_call(scope, journal, loaded.transcript, message)
        asked = Message("user", user_content(message, loaded.overlay.overlay.time_zone), journal.turn)
        reply = Message("assistant", [{"type": "text", "text": said}], journal.turn)
        context = loaded.transcript.context_tokens + len(said) // 2
        items = append(scope, loaded.transcript, [asked, reply], context, now)
        return self._hushed(journal, journal.commit_answer(record, split_message(said), [*items, *told]))

    def _said(
        self, scope: TenantScope, journal: Journal, loaded: Loaded, message: IncomingMessage
    ) -> tuple[str, list[dict[str, Any]]]:
        """The text, and what goes into the transaction that commits it."""
        spec = self._job.spec
        if spec.kind == "tool":
            use = {"id": "schedule", "name": spec.tool, "input": spec.arguments}
            context = tool_context(self._runtime, scope, loaded, message, journal.turn)
            tools = allowed((spec.tool,))
            block = run_tool(tools, use, context)
            if block.get("is_error"):
                record(scope.audit, "tool.call", on=f"tool:{spec.tool}", outcome="failed", turn=journal.turn)
                raise BadInput(f"The tool {spec.tool} failed: {block['content']}")
            return str(block["content"]), [called(scope, journal.turn, use, block, tools)]
        due = datetime.fromisoformat(self._envelope.due)
        late = (datetime.now(UTC) - due).total_seconds() > _LATE_AFTER
        return f"⏰ {spec.prompt}" + (f"\n({due:%Y-%m-%d %H:%M} UTC)" if late else ""), []


def _give_up(journal: Journal, record: TurnRecord, why: str, told: list[dict[str, Any]] | None = None) -> TurnRecord:
    """Close the turn without a word to the chat: the ledger and the owners hear of it, not whoever reads there."""
    return journal.finish(journal.commit_answer(record, [], told or [], gave_up=True), why)
