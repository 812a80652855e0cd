"""The program of one execution environment: imports the handler once, then serves one invocation after another.

Run by the function's own interpreter, so it may import nothing but the standard library, and little of that: what is
imported here is paid for in every cold start. It reads one JSON line per invocation from stdin and writes one JSON
line per result to the descriptor in argv[1]; stdout and stderr are the function's log. The descriptor in argv[2] reads
as closed when the stack has died, however it died: then this must stop at once, or it would go on sending messages
that a restarted stack sends again.
"""

import _thread
import importlib
import json
import os
import sys
import time
import traceback
from typing import Any


class Context:
    """Lambda's context object; attribute names are AWS's."""

    identity = None
    client_context = None

    def __init__(self, invocation: dict[str, Any]) -> None:
        self._deadline = time.monotonic() + invocation["timeout"]
        self.aws_request_id = invocation["request_id"]
        self.invoked_function_arn = invocation["arn"]
        self.tenant_id = invocation.get("tenant_id")
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = os.environ["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name = os.environ["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the function's timeout."""
        return max(0, int((self._deadline - time.monotonic()) * 1000))


def search_path(code: str, layers: list[str]) -> list[str]:
    """Lambda's order: the function first, then the layers (a later layer over an earlier), then the runtime."""
    folders = [code]
    for layer in reversed(layers):
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        for part in (f"python/lib/{version}/site-packages", "python"):
            folder = os.path.join(layer, part)  # noqa: PTH118 -- pathlib would be loaded in every cold start
            if os.path.isdir(folder):  # noqa: PTH112
                folders.append(folder)
    return folders


def answer(descriptor: int, message: dict[str, Any]) -> None:
    """Write one result line, after all that the function logged."""
    sys.stdout.flush()
    sys.stderr.flush()
    data = json.dumps(message).encode() + b"\n"
    while data:
        data = data[os.write(descriptor, data) :]


def failure(error: BaseException) -> dict[str, Any]:
    """A result line for an exception; its traceback goes to the log, as Lambda does."""
    trace = traceback.format_exc()
    print(f"[ERROR] {type(error).__name__}: {error}\n{trace}", file=sys.stderr)
    return {"status": "error", "error": str(error), "error_type": type(error).__name__}


def die_with(stack: int) -> None:
    """Wait for the stack's end and end with it."""
    os.read(stack, 1)
    os._exit(1)


def main() -> None:
    """Import the handler, report, and serve until stdin closes."""
    descriptor = int(sys.argv[1])
    _thread.start_new_thread(die_with, (int(sys.argv[2]),))
    start = json.loads(sys.stdin.readline())
    sys.path[0:1] = search_path(start["code"], start["layers"])
    module, _, name = start["handler"].rpartition(".")
    try:
        handler = getattr(importlib.import_module(module.replace("/", ".")), name)
    except Exception as error:
        answer(descriptor, failure(error))
        return
    answer(descriptor, {"status": "ready"})
    for line in sys.stdin:
        invocation = json.loads(line)
        if invocation.get("trace_id"):
            os.environ["_X_AMZN_TRACE_ID"] = invocation["trace_id"]
        try:
            result = handler(invocation["event"], Context(invocation))
            answer(descriptor, {"status": "ok", "result": result})
        except Exception as error:
            answer(descriptor, failure(error))


if __name__ == "__main__":
    main()
