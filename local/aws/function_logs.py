"""What functions log, in files a person can follow: one per function, each line with its time and invocation."""

import threading
from datetime import UTC, datetime
from pathlib import Path

_ROTATE_BYTES = 20_000_000


class FunctionLogs:
    """Appends to `{folder}/{function}.log`; a file over 20 MB becomes `{function}.log.1`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._lock = threading.Lock()

    def write(self, function: str, request_id: str, text: str) -> None:
        """Append what one invocation logged."""
        if not text.strip():
            return
        stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
        lines = "".join(f"{stamp} {request_id[:8]} {line}\n" for line in text.rstrip("\n").splitlines())
        path = self._folder / f"{function}.log"
        with self._lock, path.open("a", encoding="utf-8") as file:
            file.write(lines)
            if file.tell() > _ROTATE_BYTES:
                path.replace(path.with_suffix(".log.1"))
