"""Saving the whole stack's state while it runs, so that SIGKILL costs a moment at most.

MiniStack saves at a graceful stop only, service by service. A checkpoint here is one file with every service's state
at one instant: it is taken on the event loop, which all requests pass through, so nothing can happen between one
service's state and the next's, and a message can never be gone from its queue before what it caused is in the table.
Taking it is one pickle pass over the live objects (MiniStack's own deep copies are skipped: the pickle is the copy);
writing, fsync and the atomic rename happen in a thread. Code and layers are large and change only when something is
deployed, so they are in a file of their own, which the checkpoint names.

The file is pickled because that is several times faster than JSON, and the stack stands still meanwhile. It is read
back only from the person's own state folder.
"""

import asyncio
import copy
import hashlib
import io
import os
import pickle
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from local.aws import activity
from local.aws.clock import CLOCK

MIN_INTERVAL_SECONDS = 0.25
_PAUSE_SHARE = 40  # wait 40 times the last pause, so that saving takes at most 2.5 % of the loop's time …
MAX_INTERVAL_SECONDS = 2.0  # … but no longer than this, …
_LEAST_SHARE = 15  # … unless that would take more than 6 %: a state of tens of megabytes is saved less often
_ATTEMPTS = 20
_FORMAT = 1

# Services whose get_state() only gathers and deep-copies; the copy is needless when the next step is a pickle.
_GATHERING = ("dynamodb", "sqs", "iam", "s3", "ssm", "cloudwatch_logs", "cloudwatch", "scheduler", "cloudformation")
# Logs and metrics grow with every invocation and matter to nobody after a crash: saved now and then, and at the stop.
_SELDOM = {"cloudwatch_logs": 30.0, "cloudwatch": 30.0}


def _deploying() -> bool:
    """Whether CloudFormation is at work. A crash then returns to before the deployment, which simply runs again; a
    checkpoint from its middle would come back as a stack that is for ever in progress."""
    from ministack.services import cloudformation

    return any(
        str(stack.get("StackStatus", "")).endswith("_IN_PROGRESS") for stack in cloudformation._stacks._data.values()
    )


def _freeze(state: Any) -> bytes:
    """Pickle without looking for shared objects, which takes a quarter of the time: MiniStack's own files are JSON, so
    a state is a tree. One that is not (an endless recursion) is pickled the ordinary way."""
    buffer = io.BytesIO()
    pickler = pickle.Pickler(buffer, pickle.HIGHEST_PROTOCOL)
    pickler.fast = True
    try:
        pickler.dump(state)
    except (ValueError, RecursionError):
        return pickle.dumps(state, pickle.HIGHEST_PROTOCOL)
    return buffer.getvalue()


def interval(pause: float) -> float:
    """Seconds from a checkpoint to the next, after one for which the stack stood still for ``pause`` seconds."""
    wait = min(MAX_INTERVAL_SECONDS, max(MIN_INTERVAL_SECONDS, pause * _PAUSE_SHARE))
    return max(wait, pause * _LEAST_SHARE)


class StateDamaged(Exception):
    """A checkpoint that cannot be read. The stack must not start as if it were empty."""


class _Copy:
    """Stands in for the `copy` module in MiniStack's services: no deep copies by the thread that takes a checkpoint."""

    def __init__(self) -> None:
        self.taking: int | None = None

    def deepcopy(self, value: Any, memo: Any = None) -> Any:
        return value if threading.get_ident() == self.taking else copy.deepcopy(value, memo)

    def __getattr__(self, name: str) -> Any:
        return getattr(copy, name)


class Checkpoints:
    """Takes, writes and loads checkpoints in `folder`. `sources` gives each service's get_state by name."""

    def __init__(self, folder: Path, sources: Callable[[], dict[str, Callable[[], Any]]], lock: Any) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._sources = sources
        self._lock = lock
        self._copy = _Copy()
        self._parts: dict[str, bytes] = {}
        self._seldom_at: dict[str, float] = {}
        self._lambda_print = b""
        self._lambda_file = ""
        self._lambda_written = b""
        self._write_lock = threading.Lock()
        self.stats: dict[str, float] = {
            "taken": 0,
            "written": 0,
            "last_pause_ms": 0.0,
            "max_pause_ms": 0.0,
            "last_bytes": 0,
        }
        self._loaded = self._read()

    def install(self) -> None:
        """Replace the `copy` module in the services where it only costs time."""
        import importlib

        for name in _GATHERING:
            module = importlib.import_module(f"ministack.services.{name}")
            module.copy = self._copy  # type: ignore[attr-defined]

    # -- loading

    def _read(self) -> dict[str, Any]:
        path = self._folder / "checkpoint"
        if not path.exists():
            return {}
        try:
            whole = pickle.loads(path.read_bytes())  # noqa: S301 -- the person's own state folder
            if whole["format"] != _FORMAT:
                raise StateDamaged(f"{path} has format {whole['format']}; this version reads {_FORMAT}")
            self._lambda_file = whole["lambda_file"]
            if self._lambda_file:
                self._parts["lambda"] = (self._folder / self._lambda_file).read_bytes()
        except (OSError, pickle.UnpicklingError, KeyError, EOFError, AttributeError, ImportError) as error:
            raise StateDamaged(
                f"{path} cannot be read ({error}); move the state folder away to start afresh"
            ) from error
        self._parts.update(whole["services"])
        CLOCK.offset = whole["clock_offset"]
        return dict(self._parts)

    def load(self, service: str) -> Any:
        """What MiniStack asks for at boot: one service's state, or None."""
        data = self._loaded.pop(service, None)
        return None if data is None else pickle.loads(data)  # noqa: S301

    # -- taking

    def take(self, *, final: bool = False) -> None:
        """Take every service's state. Call it on the event loop, or when nothing else runs any more."""
        started = time.perf_counter()
        for attempt in range(_ATTEMPTS):
            try:
                with self._lock:
                    self._copy.taking = threading.get_ident()
                    self._gather(final)
                break
            except RuntimeError:  # a thread of MiniStack changed a dict meanwhile
                if attempt == _ATTEMPTS - 1:
                    raise
                time.sleep(0.001)
            finally:
                self._copy.taking = None
        pause = (time.perf_counter() - started) * 1000
        self.stats["taken"] += 1
        self.stats["last_pause_ms"] = round(pause, 2)
        self.stats["max_pause_ms"] = round(max(pause, self.stats["max_pause_ms"]), 2)

    def _gather(self, final: bool) -> None:
        now = time.monotonic()
        fresh: dict[str, bytes] = {}
        for name, get_state in self._sources().items():
            if name == "lambda":
                if self._lambda_changed():
                    fresh[name] = _freeze(get_state())
                continue
            if not final and now - self._seldom_at.get(name, -1e9) < _SELDOM.get(name, 0.0):
                continue
            state = get_state()
            if state is None:
                continue
            fresh[name] = _freeze(state)
            self._seldom_at[name] = now
        self._parts.update(fresh)

    def _lambda_changed(self) -> bool:
        from ministack.services import lambda_svc

        functions = [
            ({k: v for k, v in record.items() if k not in ("code_zip", "versions")}, list(record.get("versions", {})))
            for record in lambda_svc._functions._data.values()
        ]
        mappings = [
            {k: v for k, v in mapping.items() if k != "LastProcessingResult"}
            for _, _, mapping in lambda_svc._iter_all_esms()
        ]
        layers = [
            (name, layer.get("next_version"), len(layer.get("versions", [])))
            for name, layer in lambda_svc._layers._data.items()
        ]
        seen = repr((functions, mappings, layers, lambda_svc._function_urls._data)).encode()
        changed = hashlib.sha256(seen).digest() != self._lambda_print
        self._lambda_print = hashlib.sha256(seen).digest()
        return changed

    # -- writing

    def write(self) -> None:
        """Write what was last taken. Safe from any thread; the rename is what makes it count."""
        with self._write_lock:
            parts = dict(self._parts)
            code = parts.pop("lambda", b"")
            if code and code is not self._lambda_written:  # its hash takes a fifth of a second: once for each content
                name = f"code-{hashlib.sha256(code).hexdigest()[:16]}"
                if name != self._lambda_file:
                    self._replace(name, code)
                    self._lambda_file = name
                self._lambda_written = code
            whole = {
                "format": _FORMAT,
                "lambda_file": self._lambda_file,
                "clock_offset": CLOCK.offset,
                "services": parts,
            }
            data = pickle.dumps(whole, pickle.HIGHEST_PROTOCOL)
            self._replace("checkpoint", data)
            self.stats["written"] += 1
            self.stats["last_bytes"] = len(data)
            for old in self._folder.glob("code-*"):
                if old.name != self._lambda_file:
                    old.unlink(missing_ok=True)

    def save_last(self) -> None:
        """The checkpoint of a graceful stop, with everything in it."""
        if not _deploying():
            self.take(final=True)
            self.write()

    def _replace(self, name: str, data: bytes) -> None:
        fresh = self._folder / f".{name}.new"
        with fresh.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._folder / name)
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    async def keep(self) -> None:
        """Take and write a checkpoint whenever something changed, until cancelled."""
        while True:
            await asyncio.sleep(interval(self.stats["last_pause_ms"] / 1000))
            if not _deploying() and activity.take():
                try:
                    self.take()
                    await asyncio.to_thread(self.write)
                except Exception:
                    activity.mark()
                    raise
