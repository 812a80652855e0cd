"""Whether anything may have changed since the last checkpoint. One flag: cheap to set, wrong only on the safe side."""

import threading

_changed = threading.Event()
_changed.set()


def mark() -> None:
    """Say that some service's state may have changed."""
    _changed.set()


def take() -> bool:
    """Whether something changed since the last call; clears the flag first, so a change during a save is not lost."""
    if not _changed.is_set():
        return False
    _changed.clear()
    return True
