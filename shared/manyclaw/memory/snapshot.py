"""A table's content in this process, ready to be searched, and grown by what was written since."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Sequence
from sys import getsizeof
from typing import TYPE_CHECKING, Any

from manyclaw.memory.model import Passage, Turn
from manyclaw.memory.ranking import Widths, fuse, word_scores

if TYPE_CHECKING:
    from manyclaw.memory.embedders import Vectors

_FIRST_CAPACITY = 256
_BYTES_A_TURN = 1_500
_BYTES_A_TERM = 16


class Snapshot:
    """Turns in the order in which they were said, their vectors and an index of their terms.

    ``rows`` counts the table's rows read so far and ``version`` is the table's version after the last of them;
    ``bytes`` is about how much memory all this takes.
    """

    def __init__(self, dimensions: int) -> None:
        import numpy as np

        self.rows = 0
        self.version = -1
        self.bytes = 0
        self.turns: list[Turn] = []
        self._ids: dict[str, int] = {}
        self._vectors = np.zeros((_FIRST_CAPACITY, dimensions), dtype=np.float32)
        self._lengths: list[int] = []
        self._before: list[int] = []
        self._after: list[int] = []
        self._last: dict[str, int] = {}
        self._postings: dict[str, tuple[array[int], array[int]]] = {}
        self._widths: Widths | None = None

    def __contains__(self, turn_id: str) -> bool:
        return turn_id in self._ids

    def __len__(self) -> int:
        return len(self.turns)

    def extend(self, turns: Sequence[Turn], terms: Sequence[list[str]], vectors: Vectors) -> None:
        """Append turns that were written after those held; one that is held already is passed over."""
        self.rows += len(turns)
        for turn, words, vector in zip(turns, terms, vectors, strict=True):
            if turn.id not in self._ids:
                self._append(turn, words, vector)
        self._widths = None

    def _append(self, turn: Turn, words: list[str], vector: Any) -> None:
        import numpy as np

        index = len(self.turns)
        if index == len(self._vectors):
            self._vectors = np.concatenate([self._vectors, np.zeros_like(self._vectors)])
        self._vectors[index] = vector
        self.turns.append(turn)
        self._ids[turn.id] = index
        self._lengths.append(len(words))
        before = self._last.get(turn.conversation, -1)
        self._before.append(before)
        self._after.append(-1)
        if before >= 0:
            self._after[before] = index
        self._last[turn.conversation] = index
        counted = Counter(words)
        for word, times in counted.items():
            found, counts = self._postings.setdefault(word, (array("i"), array("i")))
            found.append(index)
            counts.append(times)
        texts = getsizeof(turn.said) + getsizeof(turn.answered)
        self.bytes += _BYTES_A_TURN + 4 * len(vector) + texts + _BYTES_A_TERM * len(counted)

    def search(self, words: list[str], query: Any, limit: int) -> list[Passage]:
        """The turns that answer best to the query's terms and its vector, with their neighbours."""
        import numpy as np

        if not self.turns:
            return []
        if self._widths is None:
            self._widths = Widths.of(self._lengths, self._before, self._after)
        held = [self._postings[word] for word in dict.fromkeys(words) if word in self._postings]
        found = word_scores([(np.array(turns), np.array(times)) for turns, times in held], self._widths)
        cosines = self._vectors[: len(self.turns)] @ np.asarray(query, dtype=np.float32).reshape(-1)
        return [self._passage(index, score) for index, score in fuse(found, cosines, limit)]

    def _passage(self, index: int, score: float) -> Passage:
        before, after = self._before[index], self._after[index]
        return Passage(
            self.turns[index],
            score,
            self.turns[before] if before >= 0 else None,
            self.turns[after] if after >= 0 else None,
        )
