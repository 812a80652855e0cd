"""DynamoDB streams as Lambda reads them: only what a mapping's filter takes, and beside the queues.

MiniStack keeps every write of the table for a day, in memory only, and invokes a stream's function on the thread that
also polls the queues, so each change would hold up the next message. Here a change that no mapping wants leaves no
record, what all mappings have read goes, and streams have a thread of their own.

A stream outlives a crash on AWS. Here its records do not, so after a restart the rows that are there and that an
INSERT filter takes are given out once more; whoever reads a stream has to bear a record that comes twice anyway.
"""

import logging
import threading
import time
from collections.abc import Iterator
from typing import Any

from local.aws import activity

logger = logging.getLogger("manyclaw.streams")

_GATHER_SECONDS = 0.05
_WAKE = threading.Event()


def _mappings(table: str) -> Iterator[dict[str, Any]]:
    """The enabled mappings on a table's stream."""
    from ministack.services import lambda_svc

    for _, _, mapping in lambda_svc._iter_all_esms():
        source = str(mapping.get("EventSourceArn", ""))
        if mapping.get("Enabled", True) and ":dynamodb:" in source and f":table/{table}/stream/" in source:
            yield mapping


def wanted(table: str, record: dict[str, Any]) -> bool:
    """Whether any mapping's filter takes a record."""
    from ministack.services import lambda_svc

    return any(lambda_svc._apply_filter_criteria([record], mapping) for mapping in _mappings(table))


def _forget_read(table: str) -> None:
    """Drop the records that every mapping on the table has read."""
    from ministack.services import dynamodb, lambda_svc

    positions = lambda_svc._dynamodb_stream_positions
    read = [positions.get(mapping["UUID"], 0) for mapping in _mappings(table)]
    trimmed = dynamodb._stream_trimmed.get(table, 0)
    count = max(0, min(read, default=0) - trimmed)
    if count:
        del dynamodb._stream_records[table][:count]
        dynamodb._stream_trimmed[table] = trimmed + count


def _loop(poll: Any) -> None:
    from ministack.services import dynamodb

    while True:
        _WAKE.wait(1.0)
        _WAKE.clear()
        time.sleep(_GATHER_SECONDS)
        try:
            while poll():
                activity.mark()
            for table in list(dynamodb._stream_records):
                _forget_read(table)
        except Exception:
            logger.exception("a pass over the streams failed; it goes on")


def replay() -> None:
    """After a restart: forget how far mappings had read, and give out the rows that are still there."""
    from ministack.services import dynamodb, lambda_svc

    lambda_svc._dynamodb_stream_positions.clear()
    for name, table in list(dynamodb._tables.items()):
        if not any(_mappings(name)):
            continue
        for rows in list(table["items"].values()):
            for item in list(rows.values()):
                dynamodb._emit_stream_event(name, "INSERT", None, item)


def install() -> None:
    """Put the filter before the stream, and the streams' poller on a thread of its own."""
    from ministack.services import dynamodb, lambda_svc

    emit = dynamodb._emit_stream_event
    poll = lambda_svc._poll_dynamodb_streams

    def emit_if_wanted(table_name: str, event_name: str, old_item: Any, new_item: Any, *rest: Any, **more: Any) -> None:
        table = dynamodb._tables.get(table_name)
        if not table or not (table.get("StreamSpecification") or {}).get("StreamEnabled"):
            return
        record = dynamodb._build_change_record(table, event_name, old_item, new_item, "NEW_AND_OLD_IMAGES")
        if wanted(table_name, record):
            emit(table_name, event_name, old_item, new_item, *rest, **more)
            _WAKE.set()

    dynamodb._emit_stream_event = emit_if_wanted
    lambda_svc._poll_dynamodb_streams = lambda: False
    threading.Thread(target=_loop, args=(poll,), daemon=True, name="manyclaw-streams").start()
