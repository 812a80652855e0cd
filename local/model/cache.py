"""Prompt caching with Anthropic's rules, so that a bill computed from the usage is a real one."""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from local.model.blocks import Block

LOOK_BACK = 20
"""Positions tried a breakpoint, the breakpoint's own among them."""
LIFETIMES = {"5m": 300.0, "1h": 3600.0}
_MANY_ENTRIES = 50_000


@dataclass(slots=True)
class _Entry:
    lifetime: float
    expires: float


@dataclass(frozen=True, slots=True)
class CacheUse:
    """Tokens of one request's prompt by what they cost."""

    uncached: int
    read: int
    written_5m: int
    written_1h: int

    def as_usage(self) -> dict[str, Any]:
        """The prompt's part of Anthropic's usage object."""
        return {
            "input_tokens": self.uncached,
            "cache_creation_input_tokens": self.written_5m + self.written_1h,
            "cache_read_input_tokens": self.read,
            "cache_creation": {
                "ephemeral_5m_input_tokens": self.written_5m,
                "ephemeral_1h_input_tokens": self.written_1h,
            },
        }


class PromptCache:
    """Remembers prefixes by API key and model.

    An entry is written only at a breakpoint, and only when the prefix has at least ``min_tokens``; a request reads
    the longest prefix found at its breakpoints or up to 19 blocks before each; a read renews the entry.

    Parameters
    ----------
    min_tokens
        Shorter prefixes are not cached (Anthropic: 1,024 to 4,096 by model).
    clock
        Seconds; tests move it.
    """

    def __init__(self, *, min_tokens: int = 1024, clock: Callable[[], float] = time.monotonic) -> None:
        self._min_tokens = min_tokens
        self._clock = clock
        self._entries: dict[str, _Entry] = {}

    def use(self, key: str, model: str, blocks: list[Block]) -> CacheUse:
        """Account one accepted request: what it reads, what it writes, what is plain input."""
        prefixes, totals = self._prefixes(key, model, blocks)
        marked = [place for place, block in enumerate(blocks) if block.ttl and totals[place] >= self._min_tokens]
        total = totals[-1] if totals else 0
        hit = self._longest_hit(prefixes, marked)
        read = totals[hit] if hit >= 0 else 0
        written = {"5m": 0, "1h": 0}
        done = read
        for place in marked:
            ttl = str(blocks[place].ttl)
            if totals[place] > done:
                written[ttl] += totals[place] - done
                done = totals[place]
            self._write(prefixes[place], LIFETIMES[ttl])
        return CacheUse(total - done, read, written["5m"], written["1h"])

    def clear(self) -> None:
        """Forget every prefix."""
        self._entries.clear()

    def _prefixes(self, key: str, model: str, blocks: list[Block]) -> tuple[list[str], list[int]]:
        chain = hashlib.sha256(f"{key}\n{model}".encode()).digest()
        prefixes, totals, total = [], [], 0
        for block in blocks:
            chain = hashlib.sha256(chain + block.canonical.encode("utf-8", "replace")).digest()
            total += block.tokens
            prefixes.append(chain.hex())
            totals.append(total)
        return prefixes, totals

    def _longest_hit(self, prefixes: list[str], marked: list[int]) -> int:
        now = self._clock()
        best = -1
        for breakpoint_place in marked:
            for place in range(breakpoint_place, max(-1, breakpoint_place - LOOK_BACK), -1):
                entry = self._entries.get(prefixes[place])
                if entry and entry.expires > now:
                    entry.expires = now + entry.lifetime
                    best = max(best, place)
                    break
        return best

    def _write(self, prefix: str, lifetime: float) -> None:
        now = self._clock()
        entry = self._entries.get(prefix)
        if entry and entry.expires > now and entry.lifetime >= lifetime:
            return
        self._entries[prefix] = _Entry(lifetime, now + lifetime)
        if len(self._entries) > _MANY_ENTRIES:
            self._entries = {key: kept for key, kept in self._entries.items() if kept.expires > now}
