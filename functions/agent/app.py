"""inbound.fifo → one turn. Batch size 1: order within a chat is the queue's, chats run side by side."""

from __future__ import annotations

import time
from typing import Any

from manyclaw.agent import Attempt, Pulse, read_envelope, run_scheduled, run_turn
from manyclaw.agent.runtime import runtime
from manyclaw.errors import BadInput
from manyclaw.logs import configure_logging, fields, guarded

log = configure_logging()


@guarded
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """An SQS event in; the messages that the queue should deliver again out (partial batch response).

    An event without records warms this process up and does nothing else.
    """
    failed = [record["messageId"] for record in event.get("Records", []) if not _settled(record, context)]
    if not event.get("Records"):
        runtime().warm()
        log.info("warm")
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}


def _settled(record: dict[str, Any], context: Any) -> bool:
    """Run the record's turn; whether the queue's message is done with."""
    began = time.monotonic()
    here = runtime()
    try:
        envelope = read_envelope(record["body"])
    except BadInput as error:
        log.error("unreadable message", extra=fields(message=record["messageId"], error=str(error)))
        Pulse(here.clients, here.settings, record["receiptHandle"]).stop(retry_in=0)
        return False
    attempt = Attempt(
        envelope=envelope,
        receives=int(record["attributes"]["ApproximateReceiveCount"]),
        seconds_left=lambda: context.get_remaining_time_in_millis() / 1000,
    )
    pulse = Pulse(here.clients, here.settings, record["receiptHandle"]).start()
    retry_in: float | None = 5.0
    try:
        run = run_turn if envelope.source == "telegram" else run_scheduled
        outcome = run(here, attempt, pulse)
        retry_in = outcome.retry_in
    finally:
        pulse.stop(retry_in)
    log.info(
        "turn",
        extra=fields(
            tenant=envelope.tenant,
            turn=envelope.turn,
            outcome=outcome.outcome,
            receives=attempt.receives,
            retry_in=outcome.retry_in,
            milliseconds=round((time.monotonic() - began) * 1000),
            **outcome.facts,
        ),
    )
    return retry_in is None
