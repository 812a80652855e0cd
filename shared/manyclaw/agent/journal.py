"""The turn's record, which makes a turn effectively once.

``TURN#{bot}-{update}`` lies in the conversation's partition, its steps beside it as ``…#STEP#{n}``:

=========  =======================================================================================
running    claimed; every settled model answer and every tool result is a step, in order
answered   the reply's parts and the transcript are committed; the model is never called again
delivered  every part was marked as Telegram confirmed it
failed     given up; the user was told
=========  =======================================================================================

Each attempt has a number, and every write holds only while that number is the turn's: an attempt that was thought dead
and wakes up can write nothing any more.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from manyclaw.aws import TransactionRefused, error_code, from_item, pages, to_item, transact
from manyclaw.errors import Superseded
from manyclaw.tenancy import Key, TenantScope

KEEP = timedelta(days=30)
"""How long a turn's record stays; Telegram repeats an update for at most a day."""


@dataclass(frozen=True)
class Step:
    """A settled answer of the model (role assistant) or the results of its tool calls (role user)."""

    role: str
    content: list[dict[str, Any]]


@dataclass(frozen=True)
class TurnRecord:
    """A turn as the table holds it.

    ``calls`` counts the model calls begun by all attempts; ``parts`` are the reply's messages, the first ``sent`` of
    which Telegram has confirmed. ``remember`` says that the turn is worth remembering: the model answered it.
    """

    turn: str
    state: str
    attempt: int
    calls: int = 0
    parts: tuple[str, ...] = ()
    sent: int = 0
    remember: bool = False
    steps: tuple[Step, ...] = field(default=())


class Journal:
    """Reads and writes one turn's record. ``turn`` is ``{bot id}-{update id}``."""

    def __init__(self, scope: TenantScope, conversation: str, turn: str) -> None:
        self._scope = scope
        self._part = f"CHAT#{conversation}"
        self.turn = turn

    def _key(self, suffix: str = "") -> Key:
        return self._scope.part(self._part, f"TURN#{self.turn}{suffix}")

    def load(self) -> TurnRecord | None:
        """The turn as it stands, with its steps; None if it was never claimed."""
        rows = pages(
            self._scope.clients.dynamodb.query,
            "Items",
            TableName=self._scope.table,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :turn)",
            ExpressionAttributeValues=to_item({":pk": self._key().pk, ":turn": self._key().sk}),
            ConsistentRead=True,
        )
        items = [from_item(row) for row in rows]
        turn = next((item for item in items if item["sk"] == self._key().sk), None)
        if turn is None:
            return None
        prefix = self._key("#STEP#").sk
        steps = [item for item in items if item["sk"].startswith(prefix)]
        return TurnRecord(
            turn=self.turn,
            state=turn["state"],
            attempt=int(turn["attempt"]),
            calls=int(turn.get("calls", 0)),
            parts=tuple(turn.get("parts", ())),
            sent=int(turn.get("sent", 0)),
            remember=bool(turn.get("remember", False)),
            steps=tuple(Step(step["role"], json.loads(step["content"])) for step in steps),
        )

    def claim(self, now: datetime, with_items: list[dict[str, Any]], calls: int) -> TurnRecord:
        """First sight of the update, with the first model call's ledger row in one transaction.

        Raises
        ------
        TransactionRefused
            The turn is there already.
        """
        item = {
            "pk": self._key().pk,
            "sk": self._key().sk,
            "state": "running",
            "attempt": 1,
            "calls": calls,
            "claimed_at": now.isoformat(timespec="milliseconds"),
            "expires_at": int((now + KEEP).timestamp()),
        }
        put = {"TableName": self._scope.table, "Item": to_item(item), "ConditionExpression": "attribute_not_exists(pk)"}
        transact(self._scope.clients.dynamodb, [{"Put": put}, *with_items])
        return TurnRecord(self.turn, "running", 1, calls)

    def take_over(self, record: TurnRecord) -> TurnRecord:
        """Make this the turn's attempt; whatever attempt ran before can write no more."""
        mine = replace(record, attempt=record.attempt + 1)
        self._update(record, "SET attempt = :mine", {":mine": mine.attempt})
        return mine

    def begin_call(self, record: TurnRecord, ledger_row: dict[str, Any]) -> TurnRecord:
        """Count a further model call, with its ledger row in one transaction, before it is made."""
        calls = record.calls + 1
        self._transact([self._change(record, "SET calls = :calls", {":calls": calls}), ledger_row])
        return replace(record, calls=calls)

    def add_step(self, record: TurnRecord, step: Step, now: datetime, with_items: list[dict[str, Any]]) -> TurnRecord:
        """Journal a step, in one transaction with what belongs to it."""
        item = {
            "pk": self._key().pk,
            "sk": self._key(f"#STEP#{len(record.steps):03d}").sk,
            "role": step.role,
            "content": json.dumps(step.content, ensure_ascii=False),
            "expires_at": int((now + KEEP).timestamp()),
        }
        put = {"TableName": self._scope.table, "Item": to_item(item), "ConditionExpression": "attribute_not_exists(pk)"}
        check = {
            "TableName": self._scope.table,
            "Key": self._key().wire(),
            "ConditionExpression": "attempt = :attempt",
            "ExpressionAttributeValues": to_item({":attempt": record.attempt}),
        }
        self._transact([{"ConditionCheck": check}, {"Put": put}, *with_items])
        return replace(record, steps=(*record.steps, step))

    def commit_answer(
        self, record: TurnRecord, parts: list[str], with_items: list[dict[str, Any]], *, remember: bool = False
    ) -> TurnRecord:
        """The reply is decided: from here on the model is never called for this turn again."""
        change = self._change(
            record, "SET #state = :answered, parts = :parts, sent = :none, remember = :remember",
            {":answered": "answered", ":parts": parts, ":none": 0, ":remember": remember},
        )  # fmt: skip
        self._transact([change, *with_items])
        return replace(record, state="answered", parts=tuple(parts), sent=0, remember=remember)

    def mark_sent(self, record: TurnRecord, message_id: int | None, *, last: bool) -> TurnRecord:
        """The next part is confirmed by Telegram (``message_id``) or can never be sent (None).

        ``last`` closes the turn: nothing is left to do for it.
        """
        sent = record.sent + 1
        state = "delivered" if last else record.state
        self._update(
            record,
            "SET #state = :state, sent = :sent, message_ids = list_append(if_not_exists(message_ids, :empty), :id)",
            {":state": state, ":sent": sent, ":empty": [], ":id": [message_id or 0]},
        )
        return replace(record, sent=sent, state=state)

    def finish(self, record: TurnRecord, state: str, note: str) -> TurnRecord:
        """Close the turn: ``failed`` when given up, ``delivered`` when the rest can never be delivered."""
        self._update(record, "SET #state = :state, note = :note", {":state": state, ":note": note[:500]})
        return replace(record, state=state)

    def _change(self, record: TurnRecord, expression: str, values: dict[str, Any]) -> dict[str, Any]:
        return {"Update": self._arguments(record, expression, values)}

    def _update(self, record: TurnRecord, expression: str, values: dict[str, Any]) -> None:
        from botocore.exceptions import ClientError

        try:
            self._scope.clients.dynamodb.update_item(**self._arguments(record, expression, values))
        except ClientError as error:
            if error_code(error) == "ConditionalCheckFailedException":
                raise Superseded(f"Turn {self.turn} was taken over by another attempt.") from None
            raise

    def _arguments(self, record: TurnRecord, expression: str, values: dict[str, Any]) -> Any:
        arguments: dict[str, Any] = {
            "TableName": self._scope.table,
            "Key": self._key().wire(),
            "UpdateExpression": expression,
            "ConditionExpression": "attempt = :attempt",
            "ExpressionAttributeValues": to_item({**values, ":attempt": record.attempt}),
        }
        if "#state" in expression:
            arguments["ExpressionAttributeNames"] = {"#state": "state"}
        return arguments

    def _transact(self, items: list[dict[str, Any]]) -> None:
        try:
            transact(self._scope.clients.dynamodb, items)
        except TransactionRefused as refused:
            raise Superseded(f"Turn {self.turn} was changed by another attempt ({refused.failed}).") from None
