"""The state folder: who runs on it, which ports it uses, what was built from what, and stack.json."""

import fcntl
import json
import os
import socket
import tempfile
from pathlib import Path
from typing import Any


class StateError(Exception):
    """The state folder cannot be used now, said with what to do."""


def write_atomically(path: Path, text: str, mode: int = 0o600) -> None:
    """Replace a file's content in one step, so that no reader ever sees half of it."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh = Path(name)
    fresh.chmod(mode)
    fresh.replace(path)


def is_free(port: int) -> bool:
    """Whether a server can listen on this port of the loopback address."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def free_port() -> int:
    """Some free port of the loopback address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def tail(path: Path, lines: int = 25) -> str:
    """The last lines of a log."""
    if not path.exists():
        return f"(no log at {path})"
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])


class StateFolder:
    """One stack's state. `acquire` must be called before anything else writes to it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.logs = path / "logs"
        self.stack_file = path / "stack.json"
        self._lock: int | None = None

    def acquire(self) -> None:
        """Make the folder and take its lock, which ends with the process. Raises StateError if a stack runs on it."""
        self.logs.mkdir(parents=True, exist_ok=True)
        self.path.chmod(0o700)
        lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.read(lock, 32).decode().strip() or "unknown"
            os.close(lock)
            raise StateError(
                f"a stack already runs on {self.path} (process {holder}). Stop it with `make down`, "
                "or give this one its own MANYCLAW_STATE and MANYCLAW_PORT."
            ) from None
        os.ftruncate(lock, 0)
        os.pwrite(lock, str(os.getpid()).encode(), 0)
        self._lock = lock
        self.stack_file.unlink(missing_ok=True)

    def release(self) -> None:
        """Give the lock back before the process ends."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def holder(self) -> int | None:
        """The process that runs a stack on this folder, or None."""
        path = self.path / "lock"
        if not path.exists():
            return None
        with path.open("r") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                text = file.read().strip()
                return int(text) if text.isdigit() else None
            fcntl.flock(file, fcntl.LOCK_UN)
            return None

    def port(self, name: str) -> int:
        """The port of one of the stack's servers: the same one as last time unless something else now holds it."""
        path = self.path / "ports.json"
        ports: dict[str, int] = json.loads(path.read_text()) if path.exists() else {}
        if name not in ports or not is_free(ports[name]):
            ports[name] = free_port()
            write_atomically(path, json.dumps(ports))
        return ports[name]

    def port_of(self, name: str) -> int:
        """The port that `port` chose for a server which runs now."""
        return int(json.loads((self.path / "ports.json").read_text())[name])

    def stamp(self, name: str) -> str:
        """What was last noted under this name, or an empty string."""
        path = self.path / f"{name}.stamp"
        return path.read_text() if path.exists() else ""

    def set_stamp(self, name: str, value: str) -> None:
        """Note a value, to be compared at the next start."""
        write_atomically(self.path / f"{name}.stamp", value)

    def read_json(self, name: str) -> Any:
        """A JSON file of this folder, or None."""
        path = self.path / name
        return json.loads(path.read_text()) if path.exists() else None

    def write_json(self, name: str, value: Any) -> None:
        """Write a JSON file that only its owner can read."""
        write_atomically(self.path / name, json.dumps(value, indent=2) + "\n")
