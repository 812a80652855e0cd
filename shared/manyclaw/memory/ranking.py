"""Which remembered turns answer to a query: words in three widths and meaning, in one score.

A turn is looked at three times: by itself, with the one before it, and with both neighbours, because in a chat the
words of a question and of its answer seldom stand in one message. Each width is scored by BM25 and the three are added
up; cosine similarity of the embeddings is laid over it. docs/memory.md has the measurements.
"""

from __future__ import annotations

from collections.abc import Sequence
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


def word_scores(postings: Sequence[tuple[Any, Any]], lengths: Floats, before: Any, after: Any) -> Floats:
    """BM25 of every turn, summed over the three widths.

    Parameters
    ----------
    postings
        For each term of the query, the turns (indexes) that hold it and how often.
    lengths
        Each turn's number of terms.
    before, after
        The index of each turn's neighbour in its conversation; the number of turns where there is none.
    """
    import numpy as np

    count = len(lengths)
    padded = np.append(lengths, 0.0)
    with_before = lengths + padded[before]
    widths = (lengths, with_before, with_before + padded[after])
    norms = [_K1 * (1 - _B + _B * width / max(float(width.mean()), 1.0)) for width in widths]
    total = np.zeros(count, dtype=np.float32)
    for turns, times in postings:
        own = np.zeros(count + 1, dtype=np.float32)
        own[turns] = times
        wider = own[:count] + own[before]
        for found, norm in zip((own[:count], wider, wider + own[after]), norms, strict=True):
            holders = int(np.count_nonzero(found))
            rarity = np.log(1 + (count - holders + 0.5) / (holders + 0.5))
            total += rarity * found * (_K1 + 1) / (found + norm)
    return total


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
