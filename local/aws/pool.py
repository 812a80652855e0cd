"""How many workers a function gets on a machine with few cores.

Lambda starts an environment for every invocation that finds none free. On two cores, two hundred webhooks at once
would be two hundred Pythons importing at the same time, and all of them would time out. Here an invocation waits for a
worker as long as that is likely to be quicker than starting one, and only a few start at once. The pool still grows
for as long as invocations wait, so functions that wait for a network run as many at once as they need.
"""

import os
import threading
import time
from collections import Counter
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

_PATIENCE_SECONDS = 0.02
_RECHECK_SECONDS = 0.05
_LONGEST_WAIT_SECONDS = 60.0  # then one more worker is started whatever the load: no caller may wait for ever
_NEWEST_SHARE = 0.2
_WHOLE_CPU_MB = 1769  # from this memory on Lambda gives an environment a CPU of its own


# The tenant of the invocation being served (Invoke's TenantId); "" for functions without tenant isolation. MiniStack
# knows nothing of it: here a worker belongs to one tenant from its start to its end, as an environment does on AWS.
TENANT: ContextVar[str] = ContextVar("manyclaw_lambda_tenant", default="")


@dataclass
class Pace:
    """What a function's last invocations and starts took, seconds, as moving averages; None before the first."""

    invocation: float | None = None
    start: float | None = None

    def saw_invocation(self, seconds: float) -> None:
        """Count one invocation in."""
        self.invocation = _blend(self.invocation, seconds)

    def saw_start(self, seconds: float) -> None:
        """Count one start in."""
        self.start = _blend(self.start, seconds)


def _blend(average: float | None, seconds: float) -> float:
    return seconds if average is None else average + _NEWEST_SHARE * (seconds - average)


def worth_starting(pace: Pace, *, workers: int, waiting: int, waited: float) -> bool:
    """Whether one more worker would serve sooner than those there are."""
    if workers == 0:
        return True
    if waited < _PATIENCE_SECONDS:
        return False
    if pace.start is None or pace.invocation is None:
        return True
    return waited > pace.start or waiting * pace.invocation / workers > pace.start


def most_workers(memory_mb: int, cpus: int) -> int | None:
    """How many workers a function may have: no more than there are CPUs if it is given a whole one; else no bound."""
    return cpus if memory_mb >= _WHOLE_CPU_MB else None


class Pool:
    """Leases workers. Uses MiniStack's own lock and lists, which its reaper and its updates go by."""

    def __init__(self, cpus: int, starting_at_once: int) -> None:
        from ministack.core import lambda_runtime

        self._runtime = lambda_runtime
        self._cpus = cpus
        self._starting_at_once = starting_at_once
        self._released: dict[str, threading.Condition] = {}  # by function, all over MiniStack's one lock
        self._paces: dict[str, Pace] = {}
        self._waiting: Counter[str] = Counter()

    def acquire(
        self, name: str, config: Any, code_zip: bytes, qualifier: str = "$LATEST", max_concurrency: int | None = None
    ) -> tuple[Any, str]:
        """A worker for the caller alone, and how it was got ("reused" or "spawn")."""
        key = self._runtime._worker_key(name, config, qualifier)
        tenant = TENANT.get()
        wanted = f"{key} {tenant}"
        most = most_workers(int(config.get("MemorySize") or 0), self._cpus)
        began = time.monotonic()
        with self._runtime._lock:
            released = self._released.setdefault(wanted, threading.Condition(self._runtime._lock))
            self._waiting[wanted] += 1
            try:
                while True:
                    pool = self._runtime._workers.setdefault(key, [])
                    workers = [worker for worker in pool if worker.tenant == tenant]
                    free = next((worker for worker in workers if not worker.in_use), None)
                    if free is not None:
                        free.lease()
                        return free, "reused"
                    waited = time.monotonic() - began
                    if self._may_start(wanted, len(workers), waited, most):
                        worker = self._runtime._worker_class_for(config)(name, config, code_zip)
                        worker.pool_key = wanted
                        worker.tenant = tenant
                        worker.lease()
                        pool.append(worker)
                        return worker, "spawn"
                    patience = _PATIENCE_SECONDS - waited
                    released.wait(patience if patience > 0 else _RECHECK_SECONDS)
            finally:
                self._waiting[wanted] -= 1

    def _may_start(self, key: str, workers: int, waited: float, most: int | None) -> bool:
        if waited > _LONGEST_WAIT_SECONDS:
            return True
        if most is not None and workers >= most:
            return False
        starting = sum(worker.starting for pool in self._runtime._workers.values() for worker in pool)
        pace = self._paces.setdefault(key, Pace())
        return starting < self._starting_at_once and worth_starting(
            pace, workers=workers, waiting=self._waiting[key], waited=waited
        )

    def release(self, worker: Any) -> None:
        """Give a worker back."""
        if worker is None:
            return
        with self._runtime._lock:
            pace = self._paces.setdefault(worker.pool_key, Pace())
            leased = time.time() - worker.last_used
            if worker.start_seconds is not None:
                # The first invocation loads what later ones find loaded: that belongs to the start.
                pace.saw_start(max(worker.start_seconds, leased - (pace.invocation or leased)))
                worker.start_seconds = None
            else:
                pace.saw_invocation(leased)
            worker.in_use, worker.last_used = False, time.time()
            if worker.pool_key in self._released:
                self._released[worker.pool_key].notify()


def install() -> None:
    """Lease workers through this pool."""
    from ministack.core import lambda_runtime
    from ministack.services import lambda_svc

    cpus = max(2, os.cpu_count() or 2)
    pool = Pool(cpus, starting_at_once=cpus)
    for module in (lambda_runtime, lambda_svc):
        module.acquire_worker = pool.acquire
        module.release_worker = pool.release
    invoke = lambda_svc._invoke

    async def invoke_for_tenant(name: str, event: Any, headers: Any, *arguments: Any, **more: Any) -> Any:
        given = {str(header).lower(): value for header, value in headers.items()}
        token = TENANT.set(given.get("x-amz-tenant-id", ""))
        try:
            return await invoke(name, event, headers, *arguments, **more)
        finally:
            TENANT.reset(token)

    lambda_svc._invoke = invoke_for_tenant
