"""What the embedded stack keeps of a table's stream: what a mapping's filter takes, and nothing else."""

from __future__ import annotations

import json
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from local.aws import streams

INSERTS = {"eventName": ["INSERT"], "dynamodb": {"Keys": {"sk": {"S": [{"prefix": "IN#"}]}}}}
STREAM = "arn:aws:dynamodb:us-east-1:000000000000:table/data/stream/1"


@pytest.fixture
def mapping(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """One mapping; the filter itself is MiniStack's and here only told apart by event name and prefix."""
    made = {"UUID": "m", "EventSourceArn": STREAM, "FilterCriteria": {"Filters": [{"Pattern": json.dumps(INSERTS)}]}}

    def takes(records: list[dict[str, Any]], _: dict[str, Any]) -> list[dict[str, Any]]:
        return [
            each
            for each in records
            if each["eventName"] == "INSERT" and each["dynamodb"]["Keys"]["sk"]["S"].startswith("IN#")
        ]

    service = SimpleNamespace(
        _iter_all_esms=lambda: [("a", "r", made)], _apply_filter_criteria=takes, _dynamodb_stream_positions={"m": 3}
    )
    table = SimpleNamespace(_stream_records={"data": [1, 2, 3, 4]}, _stream_trimmed={"data": 1})
    services = SimpleNamespace(lambda_svc=service, dynamodb=table)
    monkeypatch.setitem(sys.modules, "ministack", SimpleNamespace(services=services))
    monkeypatch.setitem(sys.modules, "ministack.services", services)
    return {"mapping": made, "table": table}


def _record(name: str, sk: str) -> dict[str, Any]:
    return {"eventName": name, "dynamodb": {"Keys": {"pk": {"S": "a#INBOX"}, "sk": {"S": sk}}}}


def test_only_what_a_mapping_wants_is_kept(mapping: dict[str, Any]) -> None:
    assert streams.wanted("data", _record("INSERT", "IN#1"))
    assert not streams.wanted("data", _record("REMOVE", "IN#1"))
    assert not streams.wanted("data", _record("INSERT", "META"))
    assert not streams.wanted("other", _record("INSERT", "IN#1"))
    mapping["mapping"]["Enabled"] = False
    assert not streams.wanted("data", _record("INSERT", "IN#1"))


def test_what_every_mapping_has_read_is_dropped(mapping: dict[str, Any]) -> None:
    streams._forget_read("data")
    assert (mapping["table"]._stream_records["data"], mapping["table"]._stream_trimmed["data"]) == ([3, 4], 3)
    streams._forget_read("data")
    assert mapping["table"]._stream_records["data"] == [3, 4]
