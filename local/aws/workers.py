"""The stack's execution environments: which there are, and having some ready before they are needed."""

import concurrent.futures
import os
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
            "tenant": worker.tenant,
            "in_use": worker.in_use,
            "since_seconds": round(now - worker.last_used, 3),
        }
        for worker in pools
        if worker._proc is not None and worker._proc.poll() is None
    ]


def warm(wanted: dict[str, int]) -> dict[str, str]:
    """Have at least this many workers of each function, each invoked once; returns errors by function."""
    from ministack.services import lambda_svc

    records = {record["config"]["FunctionName"]: record for record in list(lambda_svc._functions._data.values())}
    failed = {name: "no such function" for name in wanted if name not in records}
    with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        jobs = [
            (name, pool.submit(_warm_one, records[name], count))
            for name, count in wanted.items()
            if name in records
            for _ in range(count)
        ]
    for name, job in jobs:
        error = job.exception()
        if error:
            failed[name] = str(error)
    return failed


def _warm_one(record: dict[str, Any], count: int) -> None:
    """Start one more worker unless there are `count`. Never leases a warm one: it must stay free for a message."""
    from ministack.core import lambda_runtime
    from ministack.core.responses import set_request_account_id, set_request_region

    config = record["config"]
    name = config["FunctionName"]
    account, region = lambda_runtime._account_region_from_function_config(config)
    set_request_account_id(account)
    set_request_region(region)
    key = lambda_runtime._worker_key(name, config, "$LATEST")
    with lambda_runtime._lock:
        workers = lambda_runtime._workers.setdefault(key, [])
        if len(workers) >= count:
            return
        worker = lambda_runtime._worker_class_for(config)(name, config, record["code_zip"])
        worker.pool_key = f"{key} "
        worker.lease()
        workers.append(worker)
    try:
        worker.warm_up()
    finally:
        lambda_runtime.release_worker(worker)
