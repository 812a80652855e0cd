"""The stack's execution environments: which there are, and having some ready before they are needed."""

import concurrent.futures
import time
from typing import Any


def workers() -> list[dict[str, Any]]:
    """The live workers: function, pid, whether one is in use, and for how long it has been idle or busy, seconds."""
    from ministack.core import lambda_runtime

    now = time.time()
    with lambda_runtime._lock:
        pools = [worker for pool in lambda_runtime._workers.values() for worker in pool]
    return [
        {
            "function": worker.func_name,
            "pid": worker._proc.pid,
            "in_use": worker.in_use,
            "since_seconds": round(now - worker.last_used, 3),
        }
        for worker in pools
        if worker._proc is not None and worker._proc.poll() is None
    ]


def warm(wanted: dict[str, int]) -> dict[str, str]:
    """Have at least this many workers of each function with the handler imported; returns errors by function."""
    from ministack.services import lambda_svc

    records = {record["config"]["FunctionName"]: record for record in list(lambda_svc._functions._data.values())}
    failed = {name: "no such function" for name in wanted if name not in records}
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        jobs = {name: pool.submit(_warm_one, records[name], count) for name, count in wanted.items() if name in records}
    for name, job in jobs.items():
        error = job.exception()
        if error:
            failed[name] = str(error)
    return failed


def _warm_one(record: dict[str, Any], count: int) -> None:
    from ministack.core import lambda_runtime
    from ministack.core.responses import set_request_account_id, set_request_region

    config = record["config"]
    account, region = lambda_runtime._account_region_from_function_config(config)
    set_request_account_id(account)
    set_request_region(region)
    leased = []
    try:
        # Leased all at once, so that each is another one; an idle warm one counts.
        for _ in range(count):
            worker, _how = lambda_runtime.acquire_worker(config["FunctionName"], config, record["code_zip"])
            leased.append(worker)
            lambda_runtime.ensure_spawned(worker)
    finally:
        for worker in leased:
            lambda_runtime.release_worker(worker)
