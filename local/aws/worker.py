"""One execution environment of a function: a process on the interpreter of the function's own runtime.

Takes the place of MiniStack's Worker, from which it differs in what a developer would notice: code is unpacked once
(code_cache), the interpreter has only what Lambda's runtime has, the environment holds nothing of the person's shell,
the function's folder comes before its layers, a raised exception does not cost the environment its warm start, and the
log is complete the moment the answer is, without waiting for stragglers.
"""

import contextlib
import json
import os
import selectors
import signal
import subprocess
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any

from ministack.core import lambda_runtime

from local.aws.code_cache import CodeCache
from local.aws.function_logs import FunctionLogs

_MAIN = Path(__file__).with_name("worker_main.py")
_INIT_SECONDS = 60.0  # Lambda gives 10 s, then retries under the function's timeout; two busy cores need more


class WorkerDied(Exception):
    """The process ended, or ran out of time, before it answered; the text is what Lambda would report."""


class FunctionWorker(lambda_runtime.Worker):  # type: ignore[misc]  # untyped base
    """See the module. MiniStack's pool calls `invoke`, and reads `in_use`, `last_used` and `_proc`."""

    # Set once by install().
    runtimes: dict[str, str]
    cache: CodeCache
    logs: FunctionLogs
    # Until the handler is imported; the pool lets only a few start at once.
    starting = True
    start_seconds: float | None = None  # how long its last start took, until the pool has seen it
    pool_key = ""
    tenant = ""  # whose it is, for a function with tenant isolation
    _proc: subprocess.Popen[bytes] | None
    alive: int  # the read end of a pipe whose other end only this process holds

    def _spawn(self) -> None:
        """Start the process and import the handler. Raises WorkerDied if that fails."""
        self._discard_tmpdir()
        began = time.monotonic()
        self._tmpdir = tempfile.mkdtemp(prefix=f"{self.func_name}-")
        runtime = self.config.get("Runtime", "")
        interpreter = self.runtimes.get(runtime)
        if interpreter is None:
            raise WorkerDied(
                f"the embedded stack has no interpreter for runtime {runtime!r} of {self.func_name}; "
                f"it runs {', '.join(sorted(self.runtimes))}"
            )
        code = self.cache.folder(self.code_zip)
        layers = [str(self.cache.folder(data)) for data in self._layer_zips()]
        reader, writer = os.pipe()
        log_reader, log_writer = os.pipe()
        try:
            process = subprocess.Popen(
                [interpreter, "-B", "-u", str(_MAIN), str(writer), str(self.alive)],
                cwd=code,
                env=self._environment(code),
                stdin=subprocess.PIPE,
                stdout=log_writer,
                stderr=log_writer,
                pass_fds=(writer, self.alive),
            )
        finally:
            os.close(writer)
            os.close(log_writer)
        self._close_pipes()
        self._proc, self._answers, self._log = process, reader, log_reader
        assert process.stdin is not None
        for descriptor in (self._answers, self._log, process.stdin.fileno()):
            os.set_blocking(descriptor, False)
        handler = self.config.get("Handler", "")
        start = {"code": str(code), "layers": layers, "handler": handler}
        answer, log = self._exchange(start, _INIT_SECONDS)
        self.starting = False
        self.start_seconds = time.monotonic() - began
        self.logs.write(self.func_name, "init", log)
        if answer.get("status") != "ready":
            self._end()
            raise WorkerDied(f"{self.func_name}: importing {handler} failed: {answer.get('error')}\n{log}")

    def _layer_zips(self) -> list[bytes]:
        from ministack.services.lambda_svc import _resolve_layer_zip

        zips = []
        for layer in self.config.get("Layers") or []:
            data = _resolve_layer_zip(layer)
            if not data:
                raise WorkerDied(f"{self.func_name}: layer {layer} has no content; deploy again")
            zips.append(data)
        return zips

    def _environment(self, code: Path) -> dict[str, str]:
        account, region = lambda_runtime._account_region_from_function_config(self.config)
        name = self.config.get("FunctionName", "")
        return {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "TZ": ":UTC",
            "HOME": str(self._tmpdir),
            "TMPDIR": str(self._tmpdir),
            "AWS_ENDPOINT_URL": os.environ["AWS_ENDPOINT_URL"],
            **(self.config.get("Environment") or {}).get("Variables", {}),
            "AWS_ACCOUNT_ID": account,
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{self.config.get('Runtime')}",
            "AWS_LAMBDA_FUNCTION_NAME": name,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(self.config.get("MemorySize", 128)),
            "AWS_LAMBDA_FUNCTION_VERSION": self.config.get("Version", "$LATEST"),
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{name}",
            "AWS_LAMBDA_LOG_STREAM_NAME": uuid.uuid4().hex,
            "LAMBDA_TASK_ROOT": str(code),
            **lambda_runtime.execution_credentials(self.config),
        }

    def invoke(
        self,
        event: Any,
        request_id: str,
        *,
        trace_id: str | None = None,
        depth: Any = None,
        durable: Any = None,
        invoked_function_arn: str | None = None,
    ) -> dict[str, Any]:
        """Run one invocation. Returns MiniStack's result shape: status, result or error, cold_start, log."""
        with self._lock:
            cold = self._proc is None or self._proc.poll() is not None
            timeout = float(self.config.get("Timeout", 3))
            try:
                if cold:
                    self._spawn()
                request = {
                    "event": event,
                    "request_id": request_id,
                    "arn": invoked_function_arn or self.config.get("FunctionArn", ""),
                    "timeout": timeout,
                    "trace_id": trace_id,
                    "tenant_id": self.tenant or None,
                }
                answer, log = self._exchange(request, timeout)
            except (WorkerDied, OSError) as error:
                log = self._drain() if self._log >= 0 else ""
                self._end()
                answer = {"status": "error", "error": str(error)}
                log = f"{log}{error}\n"
            self._cold = False
            self.starting = False
            self.logs.write(self.func_name, request_id, log)
            return {**answer, "cold_start": cold, "log": log.rstrip("\n")}

    def lease(self) -> None:
        """Note that someone has it. Call it under the pool's lock."""
        self.in_use, self.last_used = True, time.time()

    def warm_up(self) -> None:
        """Start and invoke with an empty event, which functions take as: load what the first real one will need.
        Raises WorkerDied if the handler cannot be imported; an empty event that a handler refuses is no failure."""
        with self._lock:
            self._spawn()
            seconds = float(self.config.get("Timeout", 3))
            request = {
                "event": {},
                "request_id": "warm-up",
                "arn": self.config.get("FunctionArn", ""),
                "timeout": seconds,
            }
            _, log = self._exchange(request, seconds)
            self.logs.write(self.func_name, "warm-up", log)

    _answers = -1
    _log = -1

    def _exchange(self, message: dict[str, Any], seconds: float) -> tuple[dict[str, Any], str]:
        """Send one line, collect the log, and return the answer. The answer comes after all of its log, so the log is
        whole once the answer is read and the pipe is empty."""
        assert self._proc is not None
        assert self._proc.stdin is not None
        pending = memoryview(json.dumps(message).encode() + b"\n")
        deadline = time.monotonic() + seconds
        answer, log = bytearray(), bytearray()
        stdin = self._proc.stdin.fileno()
        with selectors.DefaultSelector() as selector:
            selector.register(self._answers, selectors.EVENT_READ)
            selector.register(self._log, selectors.EVENT_READ)
            selector.register(stdin, selectors.EVENT_WRITE)
            while not answer.endswith(b"\n"):
                ready = selector.select(max(0.0, deadline - time.monotonic()))
                if not ready and time.monotonic() >= deadline:
                    raise WorkerDied(f"Task timed out after {seconds:.2f} seconds")
                for key, _ in ready:
                    if key.fd == stdin:
                        pending = pending[os.write(stdin, pending) :]
                        if not pending:
                            selector.unregister(stdin)
                        continue
                    data = os.read(key.fd, 65_536)
                    if key.fd == self._log:
                        log += data
                        if not data:
                            selector.unregister(self._log)
                    elif not data:
                        raise WorkerDied(self._how_it_ended())
                    else:
                        answer += data
        text = (bytes(log) + self._drain().encode()).decode("utf-8", "replace")
        return json.loads(answer), text

    def _drain(self) -> str:
        log = bytearray()
        with contextlib.suppress(BlockingIOError, OSError):
            while data := os.read(self._log, 65_536):
                log += data
        return log.decode("utf-8", "replace")

    def _how_it_ended(self) -> str:
        assert self._proc is not None
        code = self._proc.wait(timeout=5)
        if code < 0:
            return f"Runtime exited with error: signal: {signal.Signals(-code).name}"
        return f"Runtime exited without providing a reason (exit status {code})"

    def _end(self) -> None:
        process, self._proc = self._proc, None
        if process is not None:
            process.kill()
            process.wait(timeout=5)
        self._close_pipes()

    def _close_pipes(self) -> None:
        for descriptor in (self._answers, self._log):
            if descriptor >= 0:
                os.close(descriptor)
        self._answers = self._log = -1

    def _discard_tmpdir(self) -> None:
        """Called by MiniStack after it has ended the process of a reaped or replaced worker."""
        if self._proc is None:
            self._close_pipes()
        super()._discard_tmpdir()


def install(runtimes: dict[str, str], cache: CodeCache, logs: FunctionLogs) -> None:
    """Make this the worker of every function. `runtimes` is runtime name -> interpreter."""
    FunctionWorker.runtimes = runtimes
    FunctionWorker.cache = cache
    FunctionWorker.logs = logs
    FunctionWorker.alive, _ = os.pipe()
    lambda_runtime.Worker = FunctionWorker
