"""What lies on ``inbound.fifo``: an update as the webhook took it, a job that is due, or a run's part for one chat."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from manyclaw.errors import BadInput
from manyclaw.schedules import conversation_id, due_text, job_id
from manyclaw.tenancy import TenantId, tenant_id


@dataclass(frozen=True)
class Envelope:
    """One message of the queue.

    Attributes
    ----------
    source
        telegram; schedule (a due time of a job); job (a run's part for one chat).
    bot_id, update
        The bot that the tenant was paired with when the update came, and Telegram's update, whole.
    job, due
        The job and its due time (ISO 8601, UTC, whole seconds); empty for an update.
    version, by_hand
        The job's version that its schedule was made for; whether somebody asked for this run.
    conversation
        The chat, or chat:topic, that a part is for.
    """

    source: str
    tenant: TenantId
    bot_id: int
    received_at: datetime
    update: dict[str, Any]
    job: str = ""
    due: str = ""
    version: int = 0
    by_hand: bool = False
    conversation: str = ""

    @property
    def turn(self) -> str:
        """Names the turn: unique in the tenant, among a run's chats too, also when it pairs another bot.

        That bot's updates count anew.
        """
        if self.job:
            return f"job-{self.job}-{self.due}@{self.conversation}"
        return f"{self.bot_id}-{self.update['update_id']}"


def read_envelope(body: str) -> Envelope:
    """Raises ``BadInput`` for anything that neither the webhook nor a schedule can have written."""
    try:
        values = json.loads(body)
        if values["source"] in ("schedule", "job"):
            return _scheduled(values)
        envelope = Envelope(
            source=values["source"],
            tenant=tenant_id(values["tenant"]),
            bot_id=int(values["bot_id"]),
            received_at=datetime.fromisoformat(values["received_at"]),
            update=values["update"],
        )
        int(envelope.update["update_id"])
    except (ValueError, KeyError, TypeError) as error:
        raise BadInput(f"The queue holds a message that is none of ours ({type(error).__name__}).") from None
    if envelope.source != "telegram":
        raise BadInput(f"The queue holds a message from an unknown source, {envelope.source!r}.")
    return envelope


def _scheduled(values: dict[str, Any]) -> Envelope:
    due = datetime.fromisoformat(values["due"] if values["source"] == "job" else values["scheduled_time"])
    if due.tzinfo is None:
        raise ValueError("a due time without a zone")
    return Envelope(
        source=values["source"],
        tenant=tenant_id(values["tenant"]),
        bot_id=0,
        received_at=due,
        update={},
        job=job_id(values["job"]),
        due=due_text(due),
        version=int(values.get("version", 0)),
        by_hand=bool(values.get("by_hand")),
        conversation=conversation_id(values["conversation"]) if values["source"] == "job" else "",
    )
