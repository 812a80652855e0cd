"""`make up` and `make down`: the stack without a terminal."""

import os
import signal
import subprocess
import sys
import time

from local.dev.settings import ROOT, Settings
from local.dev.state import StateFolder, tail

_READY_SECONDS = 600.0
_STOP_SECONDS = 30.0


def bring_up(settings: Settings) -> int:
    """Start the stack in the background and return 0 when it is ready, else 1 with the end of its log."""
    state = StateFolder(settings.state)
    running = state.holder()
    if running and state.stack_file.exists():
        print(f"manyclaw already runs (process {running}) on {settings.state}")
        return 0
    state.logs.mkdir(parents=True, exist_ok=True)
    log = state.logs / "dev.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "local.dev"],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline:
        stack = state.read_json("stack.json")
        if stack and stack["pids"]["supervisor"] == process.pid:
            print(log.read_text().rstrip())
            return 0
        if process.poll() is not None:
            break
        time.sleep(0.05)
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    print(f"manyclaw did not start. The end of {log}:\n{tail(log, 40)}", file=sys.stderr)
    return 1


def bring_down(settings: Settings) -> int:
    """Stop the stack of this state folder and wait until it has; 0 if none runs any more."""
    state = StateFolder(settings.state)
    running = state.holder()
    if running is None:
        print(f"no stack runs on {settings.state}")
        return 0
    os.kill(running, signal.SIGTERM)
    deadline = time.monotonic() + _STOP_SECONDS
    while time.monotonic() < deadline:
        if state.holder() is None:
            print(f"stopped the stack on {settings.state}")
            return 0
        time.sleep(0.05)
    print(f"process {running} has not stopped after {_STOP_SECONDS:.0f} s", file=sys.stderr)
    return 1
