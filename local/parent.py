"""End a process when its parent dies, also by SIGKILL, on any system: by a pipe that only the parent holds open.

PR_SET_PDEATHSIG would not do: it fires when the parent's *thread* ends, and workers are started by short-lived ones.
"""

import contextlib
import os
import signal
import threading
import time

VARIABLE = "MANYCLAW_PARENT_PIPE"
_GRACE_SECONDS = 8.0


def _watch(descriptor: int) -> None:
    with contextlib.suppress(OSError):
        while os.read(descriptor, 64):
            pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_GRACE_SECONDS)
    os._exit(1)


def watch() -> None:
    """Send this process SIGTERM (and end it 8 s later) once the parent is gone. Does nothing if there is no pipe."""
    descriptor = os.environ.pop(VARIABLE, "")
    if descriptor:
        threading.Thread(target=_watch, args=(int(descriptor),), daemon=True, name="parent-watch").start()
