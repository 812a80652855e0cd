"""Lines on stderr that say how far a long measurement is."""

from __future__ import annotations

import sys
import time

_EVERY_SECONDS = 10.0

_began = time.monotonic()
_said = 0.0


def say(text: str) -> None:
    """A line with the minutes and seconds since the beginning."""
    global _said
    _said = time.monotonic()
    seconds = int(_said - _began)
    print(f"  {seconds // 60:3}:{seconds % 60:02}  {text}", file=sys.stderr, flush=True)


def step(what: str, done: int, of: int) -> None:
    """As :func:`say`, every ten seconds at most."""
    if time.monotonic() - _said > _EVERY_SECONDS:
        say(f"{what}: {done:,} of {of:,}")


def total() -> float:
    """Seconds since the beginning."""
    return round(time.monotonic() - _began)
