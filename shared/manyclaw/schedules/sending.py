"""What schedules put on ``inbound.fifo`` themselves: a due time by hand, and a run's parts, one for each chat."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

from manyclaw.aws import Clients
from manyclaw.errors import Unavailable
from manyclaw.schedules.runs import due_text
from manyclaw.schedules.timetable import due_group
from manyclaw.settings import Settings

_A_BATCH = 10


def run_now(clients: Clients, settings: Settings, tenant: str, job: str) -> str:
    """Queue a run of a job by hand; gives its due time, which names it in the run ledger.

    ``clients`` are those of somebody who may send to the queue: the operator, the API.
    """
    due = due_text(datetime.now(UTC))
    body = {"source": "schedule", "tenant": tenant, "job": job, "version": 0, "scheduled_time": due, "by_hand": True}
    clients.sqs.send_message(
        QueueUrl=settings.inbound_queue_url, MessageBody=json.dumps(body), MessageGroupId=due_group(tenant, job)
    )
    return due


def send_parts(
    clients: Clients, settings: Settings, tenant: str, job: str, due: str, conversations: tuple[str, ...]
) -> None:
    """Queue a run's part for each chat, in the chat's own group, so that it keeps its place among what people write.

    Safe to repeat: the queue knows a part for five minutes, the turn's journal for a month.
    """
    for start in range(0, len(conversations), _A_BATCH):
        entries: list[Any] = [
            _entry(tenant, job, due, conversation) for conversation in conversations[start:][:_A_BATCH]
        ]
        answer = clients.sqs.send_message_batch(QueueUrl=settings.inbound_queue_url, Entries=entries)
        if answer.get("Failed"):
            raise Unavailable(f"The queue did not take {len(answer['Failed'])} parts of a run.", retry_after=2)


def _entry(tenant: str, job: str, due: str, conversation: str) -> dict[str, str]:
    body = {"source": "job", "tenant": tenant, "job": job, "due": due, "conversation": conversation}
    name = hashlib.sha256(f"{tenant}/{job}/{due}/{conversation}".encode()).hexdigest()
    return {
        "Id": name[:40],
        "MessageBody": json.dumps(body),
        "MessageGroupId": f"{tenant}/{conversation.partition(':')[0]}",
        "MessageDeduplicationId": name,
    }
