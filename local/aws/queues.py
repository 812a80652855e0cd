"""Event source mappings: parallel chats on a FIFO queue, no idle waits, and no lost time after a crash."""

from typing import Any

from local.aws import activity
from local.aws.clock import CLOCK

DEFAULT_CONCURRENCY = 10
_IDLE_WAKE_GAP_SECONDS = 0.002


def install() -> None:
    """Change how MiniStack's poller runs.

    - A FIFO mapping with BatchSize 1 may run several batches at once: one message is one group, and a group with a
      message in flight is skipped by SQS itself, so order within every group holds. MiniStack allows one batch only.
    - After a wake-up that found nothing MiniStack sleeps 50 ms; a message that comes just then waits for it.
    """
    from ministack.services import lambda_svc

    serial = lambda_svc._sqs_esm_concurrency
    run_batch = lambda_svc._run_sqs_batch

    def concurrency(esm: Any, function: Any, config: Any, queue: Any = None) -> int:
        if (queue or {}).get("is_fifo") and esm.get("BatchSize") == 1:
            limit = int((esm.get("ScalingConfig") or {}).get("MaximumConcurrency") or DEFAULT_CONCURRENCY)
            reserved = lambda_svc._reserved_concurrency(function, config)
            return limit if reserved is None else min(limit, int(reserved))
        return int(serial(esm, function, config, queue))

    def run_and_mark(*args: Any) -> None:
        try:
            run_batch(*args)
        finally:
            activity.mark()

    _mend_rights()
    lambda_svc._sqs_esm_concurrency = concurrency
    lambda_svc._run_sqs_batch = run_and_mark
    lambda_svc._ESM_IDLE_WAKE_GAP_SECONDS = _IDLE_WAKE_GAP_SECONDS


def _mend_rights() -> None:
    """SQS knows no right on batches: sqs:SendMessage is also the right to SendMessageBatch."""
    from ministack.core import iam_actions

    extract_action = iam_actions.extract_iam_action

    def action_of(*args: Any, **kwargs: Any) -> Any:
        action = extract_action(*args, **kwargs)
        return action.removesuffix("Batch") if str(action).startswith("sqs:") else action

    iam_actions.extract_iam_action = action_of


def release_orphans() -> int:
    """Make messages visible that a worker held when the stack died, and return how many there were.

    Their workers died with the stack, so nothing is gained by waiting out a visibility timeout that is six times the
    function's. The receive count stays, so a message that kills the stack still ends in the DLQ.
    """
    from ministack.services import lambda_svc, sqs

    sources = {esm.get("EventSourceArn") for _, _, esm in lambda_svc._iter_all_esms()}
    now, released = CLOCK.time(), 0
    for queue in sqs._queues._data.values():
        if queue.get("attributes", {}).get("QueueArn") not in sources:
            continue
        for message in queue["messages"]:
            if message.get("receive_count", 0) > 0 and message.get("visible_at", 0) > now:
                message["visible_at"] = now
                released += 1
    return released
