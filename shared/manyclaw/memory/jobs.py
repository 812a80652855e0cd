"""What lies on ``memory.fifo``. All of a subject's jobs share a message group, so its table has one writer."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal, get_args

from manyclaw.aws import Clients
from manyclaw.errors import BadInput, Unavailable
from manyclaw.memory.model import Subject, Turn, subject
from manyclaw.settings import Settings
from manyclaw.tenancy import TenantId, tenant_id

Kind = Literal["turn", "optimize", "adopt", "rebuild"]


@dataclass(frozen=True)
class Job:
    """One thing to do with a subject's memory: index ``turn``, or look after its table."""

    kind: Kind
    tenant: TenantId
    subject: Subject
    turn: Turn | None = None

    def to_body(self) -> str:
        values: dict[str, Any] = {"kind": self.kind, "tenant": self.tenant, "subject": self.subject}
        if self.turn is not None:
            values["turn"] = self.turn.to_wire()
        return json.dumps(values, ensure_ascii=False)


def read_job(body: str) -> Job:
    """Raises ``BadInput`` for anything that :func:`send_job` cannot have written."""
    try:
        values = json.loads(body)
        kind = values["kind"]
        if kind not in get_args(Kind):
            raise BadInput(f"{kind!r} is no job.")
        turn = Turn.from_wire(values["turn"]) if kind == "turn" else None
        return Job(kind, tenant_id(values["tenant"]), subject(values["subject"]), turn)
    except (ValueError, KeyError, TypeError) as error:
        raise BadInput(f"The queue holds a message that is none of ours ({type(error).__name__}).") from None


def send_job(clients: Clients, settings: Settings, job: Job, once: str) -> None:
    """Put ``job`` on the queue; within five minutes a second one with the same ``once`` is dropped.

    Raises
    ------
    Unavailable
        The queue did not take it.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        clients.sqs.send_message(
            QueueUrl=settings.memory_queue_url,
            MessageBody=job.to_body(),
            MessageGroupId=f"{job.tenant}/{job.subject}",
            MessageDeduplicationId=f"{job.tenant}/{once}"[:128],
        )
    except (BotoCoreError, ClientError) as error:
        raise Unavailable(f"memory.fifo did not take a message ({type(error).__name__}).", retry_after=2) from None


def hand_over(clients: Clients, settings: Settings, tenant: TenantId, whose: Subject, turn: Turn) -> None:
    """Give a finished turn to memory; doing it twice is harmless. Raises ``Unavailable``."""
    send_job(clients, settings, Job("turn", tenant, whose, turn), turn.id)
