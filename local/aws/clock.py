"""A clock that tests can move forward, for the parts of the stack where time decides what happens.

SQS (deduplication window, visibility, delay, retention) and EventBridge Scheduler read it. Everything else, the
functions included, keeps the machine's time.
"""

import time
from typing import Any


class StackClock:
    """Stands in for the `time` module: `time()` is the machine's time plus an offset, all else is passed on."""

    def __init__(self) -> None:
        self.offset = 0.0

    def time(self) -> float:
        """Seconds since the epoch, UTC, on the stack's clock."""
        return time.time() + self.offset

    def advance(self, seconds: float) -> float:
        """Move forward and return the whole offset; a clock that ran backwards would deliver messages twice."""
        if seconds < 0:
            raise ValueError(f"the stack's clock only moves forward, not by {seconds} s")
        self.offset += seconds
        return self.offset

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)


CLOCK = StackClock()


def install() -> None:
    """Give SQS, and the dispatch of EventBridge into SQS, the stack's clock."""
    from ministack.services import eventbridge, sqs

    sqs.time = CLOCK
    eventbridge.time = CLOCK
