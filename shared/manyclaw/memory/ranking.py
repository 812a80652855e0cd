"""Which remembered turns answer to a query: words in three widths and meaning, in one score.

A turn is looked at three times: by itself, with the one before it, and with both neighbours, because in a chat the
words of a question and of its answer seldom stand in one message. Each width is scored by BM25 and the three are added
up; cosine similarity of the embeddings is laid over it. docs/memory.md has the measurements.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Floats = np.ndarray[tuple[int], np.dtype[np.float32]]

CANDIDATES = 200
"""How many turns each of the two ways may propose."""

MEANING = 0.5
"""What the best cosine counts beside the best words, which count 1."""

LEAST = 0.3
"""A turn is left out below this share of the best turn's score."""

_K1 = 1.2
_B = 0.75


@dataclass(frozen=True)
class Widths:
    """What the three widths of every turn are, so that a search need not work it out anew.

    ``before`` and ``after`` are the indexes of each turn's neighbours in its conversation, the number of turns where
    there is none; ``norms`` is BM25's part that depends on length, for each width.
    """

    before: Any
    after: Any
    norms: tuple[Floats, Floats, Floats]

    @classmethod
    def of(cls, lengths: Sequence[int], before: Sequence[int], after: Sequence[int]) -> Widths:
        """From each turn's number of terms and its neighbours' indexes, -1 where there is none."""
        import numpy as np

        count = len(lengths)
        neighbours = [np.where(np.asarray(each) < 0, count, each).astype(np.int32) for each in (before, after)]
        padded = np.append(np.asarray(lengths, dtype=np.float32), np.float32(0))
        wider = padded[:count] + padded[neighbours[0]]
        one, two, three = (
            _K1 * (1 - _B + _B * width / max(float(width.mean()), 1.0))
            for width in (padded[:count], wider, wider + padded[neighbours[1]])
        )
        return cls(neighbours[0], neighbours[1], (one, two, three))


def word_scores(postings: Sequence[tuple[Any, Any]], widths: Widths) -> Floats:
    """BM25 of every turn, summed over the three widths.

    ``postings`` are, for each term of the query, the turns (indexes) that hold it and how often.
    """
    import numpy as np

    before, after = widths.before, widths.after
    count = len(before)
    total = np.zeros(count, dtype=np.float32)
    own = np.zeros(count + 1, dtype=np.float32)
    for turns, times in postings:
        own[turns] = times
        near = _near(turns, before, after)
        alone = own[near]
        wider = alone + own[before[near]]
        for found, norms in zip((alone, wider, wider + own[after[near]]), widths.norms, strict=True):
            holders = int(np.count_nonzero(found))
            rarity = np.float32(np.log(1 + (count - holders + 0.5) / (holders + 0.5)) * (_K1 + 1))
            total[near] += rarity * found / (found + norms[near])
        own[turns] = 0
    return total


def _near(turns: Any, before: Any, after: Any) -> Any:
    """All turns of which a term can change the score: those that hold it, and their neighbours."""
    import numpy as np

    count = len(before)
    if len(turns) * 6 > count:
        return slice(count)
    around = np.unique(np.concatenate([turns, before[turns], after[turns]]))
    return around[around < count]


def fuse(words: Floats, meaning: Floats, limit: int) -> list[tuple[int, float]]:
    """The best turns' indexes with their scores, best first. ``meaning`` are the cosines to the query."""
    import numpy as np

    scores = np.zeros(len(words), dtype=np.float32)
    best_words = _top(words, CANDIDATES)
    best_words = best_words[words[best_words] > 0]
    if len(best_words):
        scores[best_words] = words[best_words] / words[best_words].max()
    close = _top(meaning, CANDIDATES)
    close = close[meaning[close] > 0]
    if len(close):
        lowest = float(meaning[close].min()) if len(close) > 1 else 0.0
        spread = float(meaning[close].max()) - lowest
        scores[close] += MEANING * (meaning[close] - lowest) / max(spread, 1e-6)
    order = _top(scores, limit)
    least = LEAST * float(scores[order[0]]) if len(order) else 0.0
    return [(int(index), float(scores[index])) for index in order if scores[index] > 0 and scores[index] >= least]


def _top(values: Any, limit: int) -> Any:
    """The indexes of the highest values, highest first; earlier turns first among equals."""
    import numpy as np

    if len(values) > limit:
        kept = np.argpartition(-values, limit - 1)[:limit]
        kept.sort()
    else:
        kept = np.arange(len(values))
    return kept[np.argsort(-values[kept], kind="stable")]
