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

from manyclaw.aws import (
    TransactionRefused,
    conditionally,
    error_code,
    from_item,
    is_aws_error,
    pages,
    to_item,
    transact,
)
from manyclaw.errors import PermanentError, Superseded
from manyclaw.tenancy import Key, TenantScope

KEEP = timedelta(days=30)
"""How long a turn's record stays; Telegram repeats an update for at most a day."""


class Unwritable(PermanentError):
    """The table will never take this write, such as an item that is too large: nothing of it was written."""


@dataclass(frozen=True)
class Step:
    """A settled answer of the model (role assistant) or the results of its tool calls (role user)."""

    role: str
    content: list[dict[str, Any]]


@dataclass(frozen=True)
class TurnRecord:
    """A turn as the table holds it.

    ``attempt`` fences the writes and only ever grows; ``tries`` counts the attempts since the turn was claimed or
    reopened. ``calls`` counts the model calls begun by all attempts; ``parts`` are the reply's messages, the first
    ``sent`` of which Telegram has confirmed. ``gave_up`` says that the parts are an apology, ``remember`` that the
    model answered, so that the turn is worth remembering.
    """

    turn: str
    state: str
    attempt: int
    tries: int = 1
    calls: int = 0
    parts: tuple[str, ...] = ()
    sent: int = 0
    gave_up: bool = False
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
            tries=int(turn["tries"]),
            gave_up=bool(turn.get("gave_up")),
            calls=int(turn.get("calls", 0)),
            parts=tuple(turn.get("parts", ())),
            sent=int(turn.get("sent", 0)),
            remember=bool(turn.get("remember", False)),
            steps=tuple(Step(step["role"], json.loads(step["content"])) for step in steps),
        )

    def claim(self, now: datetime, with_items: list[dict[str, Any]], calls: int) -> TurnRecord:
        """First sight of the update, in one transaction with what belongs to it, such as the first call's ledger row.

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
            "tries": 1,
            "calls": calls,
            "claimed_at": now.isoformat(timespec="milliseconds"),
            "expires_at": int((now + KEEP).timestamp()),
        }
        put = {"TableName": self._scope.table, "Item": to_item(item), "ConditionExpression": "attribute_not_exists(pk)"}
        transact(self._scope.clients.dynamodb, [{"Put": put}, *with_items])
        return TurnRecord(self.turn, "running", 1, calls=calls)

    def resume(self) -> TurnRecord | None:
        """Make this the turn's attempt and give the turn as it then stands; None if it was never claimed.

        The turn is taken over first and read afterwards, so nothing that the attempt before still wrote is missed, and
        from then on it can write no more. A closed turn is given as it is.
        """
        taken = conditionally(
            self._scope.clients.dynamodb.update_item,
            TableName=self._scope.table,
            Key=self._key().wire(),
            UpdateExpression="SET attempt = attempt + :one, tries = tries + :one",
            ConditionExpression="attribute_exists(pk) AND #state IN (:running, :answered)",
            ExpressionAttributeNames={"#state": "state"},
            ExpressionAttributeValues=to_item({":one": 1, ":running": "running", ":answered": "answered"}),
            ReturnValues="UPDATED_NEW",
        )
        record = self.load()
        if taken and record and record.attempt != int(taken["Attributes"]["attempt"]["N"]):
            raise Superseded(f"Turn {self.turn} was taken over by another attempt.")
        return record

    def reopen(self, record: TurnRecord) -> TurnRecord:
        """Try a turn again that was given up: somebody brought its letter back from the dead ones."""
        anew = replace(record, state="running", attempt=record.attempt + 1, tries=1, parts=(), sent=0, gave_up=False)
        self._update(
            record,
            "SET #state = :running, attempt = :mine, tries = :one REMOVE parts, sent, gave_up",
            {":running": "running", ":mine": anew.attempt, ":one": 1},
            while_="failed",
        )
        return anew

    def begin_call(self, record: TurnRecord, ledger_row: dict[str, Any], *reserved: dict[str, Any]) -> TurnRecord:
        """Count a further model call, with its ledger row in one transaction, before it is made.

        Raises
        ------
        Superseded
            Another attempt has the turn.
        TransactionRefused
            A condition of ``reserved``, which stands last in the transaction, did not hold.
        """
        calls = record.calls + 1
        change = self._change(record, "SET calls = :calls", {":calls": calls})
        self._transact([change, ledger_row, *reserved], judged=len(reserved))
        return replace(record, calls=calls)

    def add_step(self, record: TurnRecord, step: Step, now: datetime, with_items: list[dict[str, Any]]) -> TurnRecord:
        """Journal a step, in one transaction with what belongs to it.

        Raises
        ------
        Superseded
            Another attempt has the turn.
        Unwritable
            The table will never take it.
        """
        item = {
            "pk": self._key().pk,
            "sk": self._key(f"#STEP#{len(record.steps):03d}").sk,
            "role": step.role,
            "content": json.dumps(step.content, ensure_ascii=False),
            "expires_at": int((now + KEEP).timestamp()),
        }
        put = {"TableName": self._scope.table, "Item": to_item(item), "ConditionExpression": "attribute_not_exists(pk)"}
        mine = {
            "TableName": self._scope.table,
            "Key": self._key().wire(),
            **self._holds(record, "running"),
        }
        self._transact([{"ConditionCheck": mine}, self.tenant_stays(), {"Put": put}, *with_items])
        return replace(record, steps=(*record.steps, step))

    def commit_answer(
        self,
        record: TurnRecord,
        parts: list[str],
        with_items: list[dict[str, Any]],
        *,
        gave_up: bool = False,
        remember: bool = False,
    ) -> TurnRecord:
        """The reply is decided: from here on the model is never called for this turn again. Raises as a step does."""
        change = self._change(
            record,
            "SET #state = :answered, parts = :parts, sent = :none, gave_up = :gave_up, remember = :remember",
            {":answered": "answered", ":parts": parts, ":none": 0, ":gave_up": gave_up, ":remember": remember},
        )
        self._transact([change, self.tenant_stays(), *with_items])
        answered = replace(record, state="answered", parts=tuple(parts), sent=0)
        return replace(answered, gave_up=gave_up, remember=remember)

    def mark_sent(self, record: TurnRecord, message_id: int | None, *, last: bool) -> TurnRecord:
        """The next part is confirmed by Telegram (``message_id``) or can never be sent (None).

        ``last`` closes the turn: nothing is left to do for it.
        """
        sent = record.sent + 1
        closed = "failed" if record.gave_up else "delivered"
        state = closed if last else record.state
        self._update(
            record,
            "SET #state = :state, sent = :sent, message_ids = list_append(if_not_exists(message_ids, :empty), :id)",
            {":state": state, ":sent": sent, ":empty": [], ":id": [message_id or 0]},
            while_="answered",
        )
        return replace(record, sent=sent, state=state)

    def finish(self, record: TurnRecord, note: str) -> TurnRecord:
        """Close an answered turn of which the rest can never be delivered."""
        state = "failed" if record.gave_up else "delivered"
        self._update(record, "SET #state = :state, note = :note", {":state": state, ":note": note[:500]}, "answered")
        return replace(record, state=state)

    def tenant_stays(self) -> dict[str, Any]:
        """Whatever holds somebody's words is not written any more once the tenant's deletion has begun."""
        return {
            "ConditionCheck": {
                "TableName": self._scope.table,
                "Key": self._scope.key("META").wire(),
                "ConditionExpression": "attribute_exists(sk) AND #status <> :deleting",
                "ExpressionAttributeNames": {"#status": "status"},
                "ExpressionAttributeValues": to_item({":deleting": "deleting"}),
            }
        }

    def _change(self, record: TurnRecord, expression: str, values: dict[str, Any]) -> dict[str, Any]:
        return {"Update": self._arguments(record, expression, values, "running")}

    def _update(self, record: TurnRecord, expression: str, values: dict[str, Any], while_: str) -> None:
        arguments = self._arguments(record, expression, values, while_)
        if conditionally(self._scope.clients.dynamodb.update_item, **arguments) is None:
            raise Superseded(f"Turn {self.turn} was taken over by another attempt.")

    def _arguments(self, record: TurnRecord, expression: str, values: dict[str, Any], while_: str) -> dict[str, Any]:
        held = self._holds(record, while_)
        held["ExpressionAttributeValues"] |= to_item(values)
        return {"TableName": self._scope.table, "Key": self._key().wire(), "UpdateExpression": expression, **held}

    def _holds(self, record: TurnRecord, state: str) -> dict[str, Any]:
        """The condition under which an attempt may write: the turn is its own, and stands where it thinks."""
        return {
            "ConditionExpression": "attempt = :attempt AND #state = :while",
            "ExpressionAttributeNames": {"#state": "state"},
            "ExpressionAttributeValues": to_item({":attempt": record.attempt, ":while": state}),
        }

    def _transact(self, items: list[dict[str, Any]], judged: int = 0) -> None:
        """``judged``: how many items at the end the caller judges by itself when their conditions do not hold."""
        try:
            transact(self._scope.clients.dynamodb, items)
        except TransactionRefused as refused:
            if judged and refused.among_last(judged):
                raise
            raise Superseded(f"Turn {self.turn} was changed by another attempt ({refused.failed}).") from None
        except Exception as error:
            if not is_aws_error(error) or not _is_for_good(error):
                raise
            raise Unwritable(f"Turn {self.turn} cannot be written: the table does not take it.") from error


def _is_for_good(error: Any) -> bool:
    """Whether the table refused what it was given, by itself or as one item of the transaction."""
    reasons = getattr(error, "response", {}).get("CancellationReasons", [])
    codes = {error_code(error), *(reason.get("Code") for reason in reasons)}
    return bool(codes & {"ValidationException", "ValidationError"})
