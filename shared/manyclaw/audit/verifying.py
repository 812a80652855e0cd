"""Verifying a log: table and bucket are read side by side, in order, and must say the same unbroken chain.

The bucket's copies are the anchor, since nobody can change them. What this cannot find is a change of what is not in
the bucket yet, by somebody who may write the chain: that is the sealer's role, for the seconds until it ships.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from manyclaw.audit.chain import GENESIS, Head, read_head, read_texts, waiting
from manyclaw.audit.entries import Inbox, canonical, digest
from manyclaw.audit.locked import Content, Locked, Segment

MOST_FINDINGS = 20


@dataclass(frozen=True)
class Finding:
    """Something that is not as it was written: from entry ``seq`` on, in ``where``: table or bucket."""

    seq: int
    where: str
    problem: str


@dataclass
class Verdict:
    """What a verification found.

    Attributes
    ----------
    entries
        How many numbers the log has, by whichever of the two places knows more.
    locked
        How many of them the bucket holds under Object Lock.
    waiting
        Entries in the inbox that are not sealed yet.
    hash
        The SHA-256 of the last entry: whoever keeps it can tell later that nothing before it has changed.
    findings
        In the order of the entries; the first 20 are kept.
    """

    owner: str
    entries: int = 0
    locked: int = 0
    segments: int = 0
    waiting: int = 0
    hash: str = GENESIS
    findings: list[Finding] = field(default_factory=list)
    found: int = 0

    @property
    def intact(self) -> bool:
        return not self.found

    @property
    def first_bad(self) -> Finding | None:
        return min(self.findings, key=lambda each: each.seq, default=None)

    def add(self, seq: int, where: str, problem: str) -> None:
        """Note a finding."""
        self.found += 1
        if len(self.findings) < MOST_FINDINGS:
            self.findings.append(Finding(seq, where, problem))


def verify(log: Inbox, locked: Locked, progress: Callable[[int], None] = lambda _: None) -> Verdict:
    """Check every entry of a log.

    Parameters
    ----------
    log
        With the right to read the chain.
    progress
        Told the number of each entry that was checked.
    """
    verdict = Verdict(log.owner)
    head = read_head(log)  # before the entries: the chain may grow while it is read
    table = _Side("table", verdict, log.owner, ((seq, text, "") for seq, text in read_texts(log)))
    bucket = _Side("bucket", verdict, log.owner, _locked_lines(locked, verdict))
    beyond: list[int] = []
    while table.seq is not None or bucket.seq is not None:
        number = min(each.seq for each in (table, bucket) if each.seq is not None)
        ours, theirs = table.take(number), bucket.take(number)
        if ours is None and number > head.seq:
            beyond.append(number)
            continue
        _compare(verdict, number, ours, theirs, head, bucket.ended)
        verdict.entries = max(verdict.entries, number)
        progress(number)
    _check_head(verdict, table, head)
    _check_beyond(verdict, beyond, read_head(log) if beyond else head)
    verdict.waiting = waiting(log)
    verdict.hash = table.hash
    verdict.findings.sort(key=lambda each: each.seq)
    return verdict


class _Side:
    """One place's chain, checked by itself as it is read."""

    def __init__(self, name: str, verdict: Verdict, owner: str, texts: Iterator[tuple[int, str, str]]) -> None:
        self._name = name
        self._verdict = verdict
        self._owner = owner
        self._texts = texts
        self._expected = 1
        self.hash = GENESIS
        self.seq: int | None = None
        self._text = ""
        self._said = ""
        self._next()

    def _next(self) -> None:
        self.seq, self._text, self._said = next(self._texts, (None, "", ""))

    @property
    def ended(self) -> bool:
        return self.seq is None

    def take(self, number: int) -> str | None:
        """The text of entry ``number``, if this is the next one here."""
        if self.seq != number:
            return None
        text, said = self._text, self._said
        self._check(number, text)
        self.hash = digest(text)
        if said and said != self.hash:
            self._verdict.add(number, self._name, "the segment's last entry is not the one that was written")
        self._expected = number + 1
        self._next()
        return text

    def _check(self, number: int, text: str) -> None:
        for problem in _problems(number, text, self._owner, self.hash if self._expected == number else None):
            self._verdict.add(number, self._name, problem)


def _problems(number: int, text: str, owner: str, before: str | None) -> Iterator[str]:
    """What is wrong with an entry by itself and after the one with the hash ``before`` (None: that one is missing)."""
    try:
        values: Any = json.loads(text)
    except ValueError:
        values = None
    if not isinstance(values, dict):
        yield "it is no entry"
        return
    if canonical(values) != text:
        yield "it was not written by the sealer (not canonical JSON)"
    if values.get("seq") != number:
        yield f"it says that it is entry {values.get('seq')}"
    if values.get("owner") != owner:
        yield f"it belongs to the log of {str(values.get('owner'))[:40]}"
    if before is not None and values.get("prev") != before:
        yield f"it does not follow entry {number - 1}: one of the two was changed, or others stood between"


def _compare(verdict: Verdict, number: int, ours: str | None, theirs: str | None, head: Head, ended: bool) -> None:
    if theirs is not None:
        verdict.locked += 1
    if ours is None:
        verdict.add(number, "table", "it is missing")
    elif theirs is None and (number <= head.shipped or not ended):
        verdict.add(number, "bucket", "it is missing")
    elif theirs is not None and ours != theirs:
        verdict.add(number, "table", "it differs from the locked copy")


def _check_head(verdict: Verdict, table: _Side, head: Head) -> None:
    """The table's own note of its end: at least as far as it was when the reading began."""
    if verdict.entries < head.seq:
        verdict.add(verdict.entries + 1, "table", f"it is missing, and all up to {head.seq}")
    elif verdict.entries == head.seq and table.hash != head.hash:
        verdict.add(max(head.seq, 1), "table", "the last entry is not the one that HEAD names")


def _check_beyond(verdict: Verdict, beyond: list[int], now: Head) -> None:
    """What the bucket holds and the table did not: sealed while it was read, or cut off from the table's end."""
    for number in beyond:
        if number > now.seq:
            verdict.locked += 1
            verdict.entries = max(verdict.entries, number)
            problem = f"it is missing: the log ends with {now.seq} here and goes on in the bucket"
            verdict.add(number, "table", problem)


def _locked_lines(locked: Locked, verdict: Verdict) -> Iterator[tuple[int, str, str]]:
    """(number, text, hash that was written beside it: a segment's last only) of the bucket's entries in order."""
    expected = 1
    for segment in locked.segments():
        verdict.segments += 1
        if not segment.version:
            verdict.add(expected, "bucket", f"{segment.key} was deleted")
            continue
        content = locked.read(segment)
        _check_segment(verdict, segment, content, expected)
        first = segment.first or expected
        for offset, line in enumerate(content.lines):
            is_last = offset == len(content.lines) - 1
            yield first + offset, line, content.last_hash if is_last else ""
        expected = first + len(content.lines)


def _check_segment(verdict: Verdict, segment: Segment, content: Content, expected: int) -> None:
    name = segment.key.rpartition("/")[2]
    if segment.first == 0:
        verdict.add(expected, "bucket", f"{name} is no segment of a log")
    elif segment.first < expected:
        verdict.add(segment.first, "bucket", f"{name} begins again before the end of the segment before it")
    if segment.versions > 1:
        verdict.add(segment.first, "bucket", f"{name} was written over or deleted; its first version is what counts")
    if content.locked_until is None:
        verdict.add(segment.first, "bucket", f"{name} is not locked")
