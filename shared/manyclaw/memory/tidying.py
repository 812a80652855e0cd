"""Putting a subject's memory in order without a model: nothing that is not said twice is ever removed."""

from __future__ import annotations

from dataclasses import dataclass

from manyclaw.errors import Conflict
from manyclaw.memory.model import Fact, MemoryRow, Subject
from manyclaw.memory.subjects import Outdated, load_memory_row, write_facts
from manyclaw.tenancy import TenantScope

_TRIES = 3


@dataclass(frozen=True)
class Tidied:
    """What was done: the row as it is now, and the facts that were removed, each of which is still there once."""

    row: MemoryRow
    removed: tuple[Fact, ...]


def tidy_facts(scope: TenantScope, whose: Subject) -> Tidied:
    """Remove facts that say the same as a later one but for spaces, a capital at the beginning and a point at the end.

    Raises
    ------
    Conflict
        Others keep changing the facts.
    """
    for _ in range(_TRIES):
        row = load_memory_row(scope, whose)
        kept, removed = split_repeated(row.facts)
        if not removed:
            return Tidied(row, ())
        try:
            return Tidied(write_facts(scope, row, kept), tuple(removed))
        except Outdated:
            continue
    raise Conflict("Others keep changing these facts.", hint="Try again.")


def split_repeated(facts: tuple[Fact, ...]) -> tuple[list[Fact], list[Fact]]:
    """The facts to keep, in order, and those that a later one repeats: the later day counts."""
    last = {_same(fact.text): number for number, fact in enumerate(facts)}
    kept = [fact for number, fact in enumerate(facts) if last[_same(fact.text)] == number]
    return kept, [fact for number, fact in enumerate(facts) if last[_same(fact.text)] != number]


def _same(text: str) -> str:
    """Only what cannot change the meaning is taken away: other capitals may belong to a name or a password."""
    plain = " ".join(text.split()).rstrip(" .!;,")
    return plain[:1].lower() + plain[1:] or text
