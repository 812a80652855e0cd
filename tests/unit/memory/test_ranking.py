"""BM25 over three widths, against the formula written out."""

from __future__ import annotations

import math
import random
from collections import Counter

import numpy as np
import pytest

from manyclaw.memory.ranking import Widths, fuse, word_scores


def by_the_formula(turns: list[list[str]], conversations: list[int], query: list[str]) -> list[float]:
    """k1 = 1.2, b = 0.75; a turn alone, with the one before it, and with both neighbours of its conversation."""
    before, after, last = [-1] * len(turns), [-1] * len(turns), dict[int, int]()
    for index, conversation in enumerate(conversations):
        before[index] = last.get(conversation, -1)
        if conversation in last:
            after[last[conversation]] = index
        last[conversation] = index
    total = [0.0] * len(turns)
    for width in range(3):
        texts = [
            [*turns[index], *(turns[before[index]] if width and before[index] >= 0 else [])]
            + (turns[after[index]] if width == 2 and after[index] >= 0 else [])
            for index in range(len(turns))
        ]
        average = max(sum(map(len, texts)) / len(texts), 1.0)
        for term in query:
            holders = sum(term in text for text in texts)
            rarity = math.log(1 + (len(texts) - holders + 0.5) / (holders + 0.5))
            for index, text in enumerate(texts):
                times = Counter(text)[term]
                total[index] += rarity * times * 2.2 / (times + 1.2 * (0.25 + 0.75 * len(text) / average) + 1e-12)
    return total


@pytest.mark.parametrize("count", [1, 2, 7, 60])
def test_scores_are_those_of_the_formula(count: int) -> None:
    chance = random.Random(count)
    turns = [chance.choices("abcdefghijklmnopqrstuvwxyz", k=chance.randint(1, 9)) for _ in range(count)]
    conversations = [chance.randint(0, 2) for _ in turns]
    query = ["a", "b", "z"]
    postings = []
    for term in query:
        held = [(index, turn.count(term)) for index, turn in enumerate(turns) if term in turn]
        if held:
            postings.append(tuple(np.array(each, dtype=np.int32) for each in zip(*held, strict=True)))
    last: dict[int, int] = {}
    before, after = [-1] * count, [-1] * count
    for index, conversation in enumerate(conversations):
        before[index] = last.get(conversation, -1)
        if conversation in last:
            after[last[conversation]] = index
        last[conversation] = index
    found = word_scores(postings, Widths.of([len(turn) for turn in turns], before, after))  # type: ignore[arg-type]
    wanted = by_the_formula(turns, conversations, [term for term in query if any(term in turn for turn in turns)])
    assert np.allclose(found, wanted, atol=1e-4)


def test_without_meaning_the_words_decide_and_without_words_the_meaning() -> None:
    words, nothing = np.array([0.0, 3.0, 1.0], dtype=np.float32), np.zeros(3, dtype=np.float32)
    assert [index for index, _ in fuse(words, nothing, 5)] == [1, 2]
    assert fuse(nothing, np.array([0.1, 0.2, 0.9], dtype=np.float32), 1)[0][0] == 2
    assert fuse(nothing, nothing, 5) == []
