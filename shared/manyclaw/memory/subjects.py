"""The table's row on each subject: its pinned facts, and what its memory's upkeep needs.

``MEMORY#{subject}`` lies in the tenant's own partition, so the agent gets it with the tenant's other rows in one
request, and a nightly run finds what there is to do without opening a single table.
"""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import datetime
from typing import Any

from manyclaw.aws import error_code, from_item, pages, to_item
from manyclaw.errors import BadInput, Conflict
from manyclaw.memory.model import Fact, MemoryRow, Subject, clean, subject
from manyclaw.tenancy import Key, TenantScope

MAX_FACTS = 20
MAX_FACT_CHARACTERS = 200

_PREFIX = "MEMORY#"


def memory_key(scope: TenantScope, whose: Subject) -> Key:
    """The key of the subject's row."""
    return scope.key(f"{_PREFIX}{whose}")


def memory_row(whose: Subject, item: dict[str, Any] | None) -> MemoryRow:
    """The row from its item as ``from_item`` gives it; an empty one for None."""
    if item is None:
        return MemoryRow(whose)
    forgotten_at = item.get("forgotten_at")
    return MemoryRow(
        whose,
        facts=tuple(Fact(str(fact["text"]), str(fact["day"])) for fact in item.get("facts", ())),
        turns=int(item.get("turns", 0)),
        unoptimized=int(item.get("unoptimized", 0)),
        generation=int(item.get("generation", 0)),
        forgotten_at=datetime.fromisoformat(forgotten_at) if forgotten_at else None,
    )


def load_memory_row(scope: TenantScope, whose: Subject) -> MemoryRow:
    """The subject's row as it is now; an empty one if nothing was ever remembered."""
    answer = scope.clients.dynamodb.get_item(
        TableName=scope.table, Key=memory_key(scope, whose).wire(), ConsistentRead=True
    )
    item = answer.get("Item")
    return memory_row(whose, from_item(dict(item)) if item else None)


def list_memory_rows(scope: TenantScope) -> list[MemoryRow]:
    """All of the tenant's subjects."""
    rows = pages(
        scope.clients.dynamodb.query,
        "Items",
        TableName=scope.table,
        KeyConditionExpression="pk = :pk AND begins_with(sk, :prefix)",
        ExpressionAttributeValues=to_item({":pk": scope.key("").pk, ":prefix": _PREFIX}),
    )
    return [memory_row(subject(item["sk"].removeprefix(_PREFIX)), item) for item in map(from_item, rows)]


class Outdated(Conflict):
    """The memory was rebuilt or forgotten meanwhile: its generation is another one now."""


def count_writes(scope: TenantScope, row: MemoryRow, written: int) -> MemoryRow:
    """Note that ``written`` turns were added to ``row``'s generation, in one write; gives the row as it is now.

    Raises
    ------
    Outdated
        That generation is no longer in force.
    """
    changes = "ADD turns :written, unoptimized :one SET generation = :generation"
    return _change(scope, row, changes, {":written": written, ":one": 1, ":generation": row.generation})


def note_optimized(scope: TenantScope, row: MemoryRow) -> MemoryRow:
    """The writes that ``row`` counts are optimized; those that came meanwhile are not. Raises ``Outdated``."""
    return _change(scope, row, "ADD unoptimized :less", {":less": -row.unoptimized})


def next_generation(row: MemoryRow) -> int:
    """A generation that nobody else chooses: the time in milliseconds, and always a later one than ``row``'s."""
    return max(time.time_ns() // 1_000_000, row.generation + 1)


def begin_generation(scope: TenantScope, row: MemoryRow, generation: int, turns: int) -> MemoryRow:
    """Put ``generation``, which holds ``turns`` turns, in force. Raises ``Outdated``."""
    changes = "SET generation = :next, turns = :turns, unoptimized = :none"
    return _change(scope, row, changes, {":next": generation, ":turns": turns, ":none": 0})


def mark_forgotten(scope: TenantScope, whose: Subject, until: datetime) -> MemoryRow:
    """Forget facts, and everything said up to ``until``: what is indexed later must be younger."""
    row = load_memory_row(scope, whose)
    latest = max(until, row.forgotten_at) if row.forgotten_at else until
    changes = "SET generation = :next, turns = :none, unoptimized = :none, forgotten_at = :at REMOVE facts"
    values = {":next": next_generation(row), ":none": 0, ":at": latest.isoformat()}
    return _change(scope, row, changes, values)


def save_fact(scope: TenantScope, whose: Subject, text: str, day: str, replaces: int | None = None) -> MemoryRow:
    """Pin a fact, or put it in the place of fact number ``replaces`` (from 1); one that is there stays as it is.

    Raises
    ------
    BadInput
        It is empty or too long, the list is full, or there is no fact ``replaces``.
    """
    fact = " ".join(clean(text, 10_000).split())
    if not fact or len(fact) > MAX_FACT_CHARACTERS:
        raise BadInput(f"A fact has 1 to {MAX_FACT_CHARACTERS} characters; this one has {len(fact)}.")
    for _ in range(3):
        row = load_memory_row(scope, whose)
        facts = list(row.facts)
        if replaces is not None and not 1 <= replaces <= len(facts):
            raise BadInput(f"There is no fact {replaces}; there are {len(facts)}.")
        if any(each.text == fact for each in facts):
            return row
        if replaces is not None:
            facts[replaces - 1] = Fact(fact, day)
        elif len(facts) >= MAX_FACTS:
            raise BadInput(f"There are {MAX_FACTS} facts already. Give the number of one that this replaces.")
        else:
            facts.append(Fact(fact, day))
        try:
            return write_facts(scope, row, facts)
        except Outdated:
            continue
    raise Conflict("Others keep changing these facts.", hint="Try again.")


def write_facts(scope: TenantScope, row: MemoryRow, facts: list[Fact]) -> MemoryRow:
    """Put ``facts`` in the place of ``row``'s. Raises ``Outdated`` if they are no longer in force."""
    listed = [{"text": fact.text, "day": fact.day} for fact in facts]
    old = [{"text": fact.text, "day": fact.day} for fact in row.facts]
    same = "facts = :old" if old else "(attribute_not_exists(facts) OR facts = :old)"
    _change(scope, row, "SET facts = :facts", {":facts": listed, ":old": old}, same)
    return replace(row, facts=tuple(facts))


def _change(scope: TenantScope, row: MemoryRow, changes: str, values: dict[str, Any], condition: str = "") -> MemoryRow:
    """Change the row while its generation is still ``row``'s."""
    from botocore.exceptions import ClientError

    known = "generation = :known" if row.generation else "(attribute_not_exists(generation) OR generation = :known)"
    try:
        answer = scope.clients.dynamodb.update_item(
            TableName=scope.table,
            Key=memory_key(scope, row.subject).wire(),
            UpdateExpression=changes,
            ConditionExpression=f"{known} AND {condition}" if condition else known,
            ExpressionAttributeValues=to_item({**values, ":known": row.generation}),
            ReturnValues="ALL_NEW",
        )
    except ClientError as error:
        if error_code(error) == "ConditionalCheckFailedException":
            raise Outdated(f"The memory of {row.subject} has changed.", hint="Do it again.") from None
        raise
    return memory_row(row.subject, from_item(dict(answer["Attributes"])))
