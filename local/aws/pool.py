"""How many workers a function gets on a machine with few cores.

Lambda starts an environment for every invocation that finds none free. On two cores, two hundred webhooks at once
would be two hundred Pythons importing at the same time, and all of them would time out. Here an invocation first waits
a moment for a worker to become free, and only a few workers start at once; the pool still grows for as long as
invocations wait, so functions that wait for a network run as many at once as they need.
"""

import os
import threading
import time
from typing import Any

_PATIENCE_SECONDS = 0.02
_RECHECK_SECONDS = 0.05
_LONGEST_WAIT_SECONDS = 60.0  # then one more worker is started whatever the load: no caller may wait for ever


class Pool:
    """Leases workers. Uses MiniStack's own lock and lists, which its reaper and its updates go by."""

    def __init__(self, starting_at_once: int) -> None:
        from ministack.core import lambda_runtime

        self._runtime = lambda_runtime
        self._starting_at_once = starting_at_once
        self._changed = threading.Condition(lambda_runtime._lock)

    def acquire(
        self, name: str, config: Any, code_zip: bytes, qualifier: str = "$LATEST", max_concurrency: int | None = None
    ) -> tuple[Any, str]:
        """A worker for the caller alone, and how it was got ("reused" or "spawn")."""
        key = self._runtime._worker_key(name, config, qualifier)
        began = time.monotonic()
        with self._changed:
            while True:
                workers = self._runtime._workers.setdefault(key, [])
                free = next((worker for worker in workers if not worker.in_use), None)
                if free is not None:
                    free.in_use, free.last_used = True, time.time()
                    return free, "reused"
                waited = time.monotonic() - began
                starting = sum(1 for pool in self._runtime._workers.values() for worker in pool if worker.starting)
                patient = bool(workers) and waited < _PATIENCE_SECONDS
                if waited > _LONGEST_WAIT_SECONDS or not (patient or starting >= self._starting_at_once):
                    worker = self._runtime._worker_class_for(config)(name, config, code_zip)
                    worker.in_use, worker.last_used = True, time.time()
                    workers.append(worker)
                    return worker, "spawn"
                self._changed.wait(_PATIENCE_SECONDS - waited if patient else _RECHECK_SECONDS)

    def release(self, worker: Any) -> None:
        """Give a worker back."""
        if worker is None:
            return
        with self._changed:
            worker.in_use, worker.last_used = False, time.time()
            self._changed.notify()


def install() -> None:
    """Lease workers through this pool."""
    from ministack.core import lambda_runtime
    from ministack.services import lambda_svc

    pool = Pool(max(2, os.cpu_count() or 2))
    for module in (lambda_runtime, lambda_svc):
        module.acquire_worker = pool.acquire
        module.release_worker = pool.release
