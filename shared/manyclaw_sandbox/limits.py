"""How much one call may take."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Bytes and seconds. Memory, processor time and file size hold for each of the call's processes.

    Attributes
    ----------
    seconds
        Wall clock of the call.
    processor_seconds
        Processor time.
    memory
        Address space.
    processes
        Processes and threads together.
    file, open_files
        The largest file, and how many may be open.
    scratch, scratch_files
        What the scratch folder may hold when the call has ended, and while it runs.
    result, log
        Characters of the result and of what was printed; the rest is cut off with a note.
    """

    seconds: float = 20.0
    processor_seconds: int = 10
    memory: int = 320 * 1024 * 1024
    processes: int = 16
    file: int = 4 * 1024 * 1024
    open_files: int = 64
    scratch: int = 2 * 1024 * 1024
    scratch_files: int = 200
    result: int = 20_000
    log: int = 4_000


LIMITS = Limits()
