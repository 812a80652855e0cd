"""What the running stack's processes have used of the processor: on a shared machine the fairer figure than seconds."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")


def used(supervisor: int) -> dict[str, float]:
    """User and system seconds of a stack's processes so far, the ended ones too, by what they are.

    Linux only (/proc). ``supervisor`` is the process that ``make dev`` started; stack.json names it.
    """
    parents, lines = {}, {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text().rpartition(")")[2].split()
                lines[int(entry.name)] = (stat, (entry / "cmdline").read_bytes().split(b"\0"))
            except OSError:
                continue
            parents[int(entry.name)] = int(stat[1])
    ticks: Counter[str] = Counter()
    for pid, (stat, command) in lines.items():
        if _is_below(pid, supervisor, parents):
            own, of_ended = sum(map(int, stat[11:13])), sum(map(int, stat[13:15]))
            ticks[_name(pid, command)] += own
            ticks["ended workers"] += of_ended
    return {name: count / _TICK for name, count in ticks.items()}


def _is_below(pid: int, above: int, parents: dict[int, int]) -> bool:
    while pid > 1 and pid != above:
        pid = parents.get(pid, 0)
    return pid == above


def _name(pid: int, command: list[bytes]) -> str:
    """A function's name for its workers, which have it in their environment."""
    words = b" ".join(command)
    if b"worker_main" in words:
        environment = (Path("/proc") / str(pid) / "environ").read_bytes().split(b"\0")
        names = [each.rpartition(b"=")[2] for each in environment if each.startswith(b"AWS_LAMBDA_FUNCTION_NAME=")]
        return names[0].decode() if names else "workers"
    known = {b"local.aws": "aws", b"local.telegram": "telegram", b"local.model": "model"}
    return next((name for sign, name in known.items() if sign in words), "front door")
