"""A job's turn in one chat: the same journal, ledger and delivery as a person's, with a message that nobody wrote."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any

from manyclaw.agent.envelope import Envelope
from manyclaw.agent.journal import Journal, Step, TurnRecord
from manyclaw.agent.limits import over_limit_entry
from manyclaw.agent.loading import Loaded
from manyclaw.agent.opened import Opened
from manyclaw.agent.prompt import Frame, user_content
from manyclaw.agent.pulse import Pulse
from manyclaw.agent.runtime import Runtime
from manyclaw.agent.skill_tools import names_of, offered
from manyclaw.agent.thinking import Thinking, tool_context
from manyclaw.agent.tool_audit import left_open
from manyclaw.agent.tools import MAX_RESULT_CHARACTERS, tool_names
from manyclaw.agent.turn import GIVE_UP_AT, Attempt, Turn
from manyclaw.agent.upkeep_tools import JOB_TOOLS
from manyclaw.audit import Actor, tool_call
from manyclaw.audit import record as record_entry
from manyclaw.aws import from_item
from manyclaw.billing import OverLimit, tell_once, turn_usage
from manyclaw.errors import BadInput, PermanentError
from manyclaw.schedules import OWN, Job, load_run
from manyclaw.sessions import Message, append
from manyclaw.skills import ToolFailed
from manyclaw.telegram import IncomingMessage, split_message
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
        self.asks = job.spec.kind == "prompt"

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

    def _without_model(self, opened: Opened) -> str:
        """Nothing is said in a model's place; a model without a price is an error for the ledger."""
        gateway = opened.loaded.gateway
        gateway.rates(opened.loaded.overlay.overlay.model_for(gateway), datetime.now(UTC).date())
        return ""

    def _answer(self, opened: Opened, record: TurnRecord | None) -> TurnRecord:
        journal = opened.journal
        if record is not None and record.state == "answered":
            return self._hushed(journal, record)
        if record is not None and record.tries >= GIVE_UP_AT:
            return _give_up(journal, record, "given up: the model could not be asked", left_open(opened.scope, record))
        if self._job.spec.kind != "prompt":
            return self._plain(opened, record)
        budget = self._job.spec.budget_run_usd
        if budget is not None:
            run = load_run(opened.scope, self._job.job, self._envelope.due)
            spent = run.cost_usd if run else Decimal(0)
            self.thinking = partial(_Budgeted, budget=budget, spent=spent)
        try:
            return self._hushed(journal, super()._answer(opened, record))
        except BudgetReached as reached:
            return _give_up(journal, opened.claimed(journal.resume()), reached.message)

    def _over_limit(self, opened: Opened, record: TurnRecord | None, over: OverLimit) -> TurnRecord:
        """A minute's limit is waited for; a day's ends the part, without a word to the chat."""
        if over.quota.endswith("_per_minute"):
            raise over
        told: list[dict[str, Any]] = []
        whom = f"job:{self._job.job}"
        if whom not in over.told:
            told = [tell_once(opened.scope, over, whom), over_limit_entry(opened.scope, opened.journal.turn, over)]
        return _give_up(opened.journal, opened.claimed(record), f"{OVER_QUOTA} ({over.quota})", told)

    def _hushed(self, journal: Journal, record: TurnRecord) -> TurnRecord:
        """A quiet job's answer is kept in the conversation and not sent."""
        if not self._job.spec.quiet or record.state != "answered":
            return record
        journal.finish(record, _QUIET)
        return TurnRecord(record.turn, "delivered", record.attempt, record.tries)

    def _plain(self, opened: Opened, record: TurnRecord | None) -> TurnRecord:
        """A reminder or a tool's result: no model is asked, but the conversation knows of it."""
        record = opened.claimed(record)
        journal, loaded = opened.journal, opened.loaded
        try:
            record, said = self._said(opened, record)
        except BadInput as error:
            why = f"the tool {self._job.spec.tool} could not be called: {error}"
            return _give_up(journal, record, why, [self._called(opened, "refused")])
        if not said:
            return journal.finish(journal.commit_answer(record, [], []), _QUIET)
        asked = Message("user", user_content(opened.message, loaded.overlay.overlay.time_zone), journal.turn)
        reply = Message("assistant", [{"type": "text", "text": said}], journal.turn)
        context = loaded.transcript.context_tokens + len(said) // 2
        items = append(opened.scope, loaded.transcript, [asked, reply], context, datetime.now(UTC))
        return self._hushed(journal, journal.commit_answer(record, split_message(said), items))

    def _said(self, opened: Opened, record: TurnRecord) -> tuple[TurnRecord, str]:
        """What is to be sent; empty if there is nothing to say."""
        if self._job.spec.kind == "tool":
            return self._tools_result(opened, record)
        due = datetime.fromisoformat(self._envelope.due)
        late = (datetime.now(UTC) - due).total_seconds() > _LATE_AFTER
        return record, f"⏰ {self._job.spec.prompt}" + (f"\n({due:%Y-%m-%d %H:%M} UTC)" if late else "")

    def _tools_result(self, opened: Opened, record: TurnRecord) -> tuple[TurnRecord, str]:
        """The tool's text, journalled before it is sent: a tool that has answered is not run again.

        Raises
        ------
        BadInput
            The tool is not allowed, is not there, or does not take these arguments: no use to try again.
        ToolFailed
            The tool failed; the queue brings the part again, a few times.
        """
        if record.steps:
            return record, str(record.steps[-1].content[0]["content"])
        spec, loaded = self._job.spec, opened.loaded
        names = loaded.overlay.overlay.allowed_tools
        skills = offered(names, loaded.skills, self._runtime, self._attempt.seconds_left)
        tool = ({each.name: each for each in JOB_TOOLS} | skills).get(spec.tool)
        if tool is None:
            known = spec.tool in tool_names() | names_of(loaded.skills)
            raise BadInput("allowed_tools does not name it." if known else "there is no such tool.")
        context = replace(tool_context(self._runtime, opened), call=opened.journal.turn)
        try:
            said = tool.run(context, spec.arguments)[:MAX_RESULT_CHARACTERS]
        except ToolFailed:
            record_entry(
                opened.scope.audit, "tool.call", on=f"tool:{spec.tool}", outcome="failed", turn=opened.journal.turn
            )
            raise
        block = {"type": "tool_result", "tool_use_id": opened.journal.turn, "content": said}
        told = [self._called(opened, "ok")]
        return opened.journal.add_step(record, Step("result", [block]), datetime.now(UTC), told), said

    def _called(self, opened: Opened, outcome: str) -> dict[str, Any]:
        """For the audit log: the job's own call of its tool."""
        return tool_call(opened.scope.audit, opened.journal.turn, "schedule", self._job.spec.tool, outcome)


def _give_up(journal: Journal, record: TurnRecord, why: str, told: list[dict[str, Any]] | None = None) -> TurnRecord:
    """Close the turn without a word to the chat: the ledger and the owners hear of it, not whoever reads there."""
    return journal.finish(journal.commit_answer(record, [], told or [], gave_up=True), why)
