"""Recall on files of LoCoMo's format (github.com/snap-research/locomo; its licence keeps the data elsewhere)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.memory.progress import say, step
from manyclaw.memory.analysis import terms
from manyclaw.memory.embedders import Embedder
from manyclaw.memory.model import Turn
from manyclaw.memory.snapshot import Snapshot
from manyclaw.memory.tables import described, embedded

_EVIDENCE = re.compile(r"D\d+:\d+")
_AT = (5, 10, 20)


def recall(files: list[Path], embedder: Embedder) -> dict[str, float]:
    """Turn recall and MRR over all questions that name evidence: the share of it among the first 5, 10, 20 turns."""
    shares: dict[int, list[float]] = {at: [] for at in _AT}
    ranks: list[float] = []
    samples = [sample for file in files for sample in json.loads(file.read_text())]
    for number, sample in enumerate(samples, 1):
        say(f"LoCoMo: conversation {number} of {len(samples)}")
        turns = list(_turns(sample["conversation"]))
        held = Snapshot(embedder.dimensions)
        texts = [embedded(turn) for turn in turns]
        held.extend(turns, [terms(described(turn)) for turn in turns], embedder.passages(texts))
        known = {turn.id for turn in turns}
        for asked, question in enumerate(sample["qa"]):
            step("its questions", asked, len(sample["qa"]))
            evidence = set(_EVIDENCE.findall(" ".join(question.get("evidence", [])))) & known
            if evidence:
                query = question["question"]
                found = [each.turn.id for each in held.search(terms(query), embedder.query(query), max(_AT))]
                for at in _AT:
                    shares[at].append(len(evidence & set(found[:at])) / len(evidence))
                ranks.append(max((1 / (found.index(turn) + 1) for turn in evidence if turn in found), default=0.0))
    return {
        "LoCoMo questions": len(ranks),
        **{f"LoCoMo turn recall@{at}": round(sum(values) / len(values), 3) for at, values in shares.items()},
        "LoCoMo MRR (first 20)": round(sum(ranks) / len(ranks), 3),
    }


def _turns(conversation: dict[str, Any]) -> Iterator[Turn]:
    number = 1
    while f"session_{number}" in conversation:
        said_at = conversation[f"session_{number}_date_time"]
        at = datetime.strptime(said_at, "%I:%M %p on %d %B, %Y").replace(tzinfo=UTC)
        for each in conversation[f"session_{number}"]:
            caption = f" [photo: {each['blip_caption']}]" if each.get("blip_caption") else ""
            yield Turn(each["dia_id"], "1", at, each["speaker"], each["text"] + caption)
        number += 1
