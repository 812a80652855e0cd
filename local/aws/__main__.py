"""Start the embedded AWS: `.tools/ministack/bin/python -m local.aws --port N --state DIR --runtime NAME=PYTHON`."""

import argparse
import asyncio
import contextlib
import logging
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

from local.parent import watch

_WARM_SECONDS = "900"  # how long a surplus worker is kept


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="local.aws", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--state", type=Path, required=True, help="the stack's state folder")
    parser.add_argument("--runtime", action="append", required=True, metavar="NAME=PYTHON")
    parser.add_argument("--test-controls", action="store_true")
    return parser.parse_args()


def settle_environment(options: argparse.Namespace) -> None:
    """Leave only what MiniStack needs in the environment, before its modules read it at import.

    AUTH is always on: a right that a role lacks fails here as it does on AWS.
    """
    state: Path = options.state
    temporary = state / "tmp"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    os.environ.clear()
    os.environ.update(
        kept,
        LANG="C.UTF-8",
        TZ="UTC",
        TMPDIR=str(temporary),
        AUTH="true",
        BIND_HOST="127.0.0.1",
        GATEWAY_PORT=str(options.port),
        AWS_ENDPOINT_URL=f"http://127.0.0.1:{options.port}",
        IOT_MTLS_ENABLED="0",
        SFTP_ENABLED="0",
        LAMBDA_EXECUTOR="local",
        LAMBDA_WARM_TTL_SECONDS=_WARM_SECONDS,
        DOCKER_HOST=f"unix://{temporary}/no-docker.sock",
        PERSIST_STATE="1",
        STATE_DIR=str(state / "aws"),
        S3_PERSIST="1",
        S3_DATA_DIR=str(state / "s3"),
        LOG_LEVEL="WARNING",
    )


async def serve(application: Any, port: int, checkpoints: Any) -> None:
    """Serve until SIGINT or SIGTERM, then take a last checkpoint and end the workers."""
    from hypercorn.asyncio import serve as hypercorn_serve
    from hypercorn.config import Config

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    config = Config()
    config.bind = [f"127.0.0.1:{port}"]
    config.keep_alive_timeout = 75
    config.graceful_timeout = 1.0
    config.shutdown_timeout = 2.0
    config.loglevel = "WARNING"
    config.backlog = 1024
    keeper = asyncio.create_task(keep(checkpoints))
    await hypercorn_serve(application, config, shutdown_trigger=stop.wait)
    keeper.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await keeper


async def keep(checkpoints: Any) -> None:
    """Take checkpoints for as long as the stack runs; one that fails is logged and tried again."""
    while True:
        try:
            await checkpoints.keep()
        except Exception:
            logging.getLogger("manyclaw").exception("a checkpoint failed; trying again")


def main() -> int:
    """Patch MiniStack and serve it."""
    options = arguments()
    watch()
    settle_environment(options)

    from ministack import app
    from ministack.core import lambda_runtime
    from ministack.services import sqs

    from local.aws import (
        clock,
        code_cache,
        controls,
        embeddings,
        expressions,
        function_logs,
        leading_keys,
        locks,
        pool,
        queues,
        requests,
        scheduler,
        streams,
        transport,
        worker,
    )
    from local.aws.checkpoint import Checkpoints, StateDamaged

    runtimes = dict(pair.split("=", 1) for pair in options.runtime)
    cache = code_cache.CodeCache(options.state / "code", next(iter(runtimes.values())))
    cache.prune()
    try:
        checkpoints = Checkpoints(options.state / "aws", app._build_persistence_save_dict, sqs._queues_lock)
    except StateDamaged as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    checkpoints.install()
    clock.install()
    leading_keys.install()
    locks.install()
    expressions.install()
    transport.install()
    queues.install()
    scheduler.install()
    streams.install()
    embeddings.install()
    requests.install()
    pool.install()
    worker.install(runtimes, cache, function_logs.FunctionLogs(options.state / "logs"))

    load_all = app._load_persisted_state

    def load_and_release() -> None:
        load_all()
        queues.release_orphans()
        streams.replay()

    def save_last(_: Any) -> None:
        checkpoints.save_last()

    app.load_state = checkpoints.load
    app._load_persisted_state = load_and_release
    app.save_all = save_last
    asyncio.run(serve(controls.Controls(app.app, checkpoints, levers=options.test_controls), options.port, checkpoints))
    lambda_runtime.reset()
    return 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # MiniStack's daemon threads have nothing left to do, and joining them takes seconds
