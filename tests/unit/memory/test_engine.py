"""What one process holds of all tenants' memories."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import lancedb
import pytest

from manyclaw.memory import MemoryRow, Turn, engine, subject
from manyclaw.memory.engine import Engine
from manyclaw.tenancy import TenantScope
from tests.unit.memory.fakes import WordsEmbedder


class Local(Engine):
    """Tables in a local folder, one a tenant."""

    def __init__(self, folder: Path) -> None:
        super().__init__("us-east-1")
        self._folder = folder

    def _connect(self, scope: TenantScope, path: str) -> Any:
        return lancedb.connect(self._folder / str(scope.tenant) / path)

    def held(self) -> list[str]:
        return [name[0] for name in self._open]


def scope(tenant: str) -> TenantScope:
    return cast("TenantScope", SimpleNamespace(tenant=tenant))


ROW = MemoryRow(subject("u7"))


def turn(number: int) -> Turn:
    return Turn(f"1-{number}", "7", datetime(2026, 11, 22, tzinfo=UTC), "Ann", "x" * 1_000)


def test_memories_used_least_lately_go_when_there_is_no_more_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given room for two memories of ten long turns
    tables = Local(tmp_path)
    tenants = {name: scope(name) for name in ("one", "two", "three")}
    first = tables.table(tenants["one"], ROW, WordsEmbedder())
    first.add([turn(number) for number in range(10)])
    monkeypatch.setattr(engine, "KEEP_BYTES", int(first.bytes * 2.5))
    # When a third one is used, and then looked at again
    for name in ("two", "one", "three"):
        tables.table(tenants[name], ROW, WordsEmbedder()).add([turn(number) for number in range(10)])
    tables.table(tenants["three"], ROW, WordsEmbedder())
    # Then the one used least lately is no longer held, and comes back from its files
    assert tables.held() == ["one", "three"]
    assert len(tables.table(tenants["two"], ROW, WordsEmbedder()).refresh()) == 10


def test_no_more_tables_than_that_are_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "KEEP_TABLES", 3)
    tables = Local(tmp_path)
    for number in range(10):
        tables.table(scope(f"t{number}"), ROW, WordsEmbedder())
    assert tables.held() == ["t7", "t8", "t9"]


def test_a_renewed_session_opens_the_table_anew_and_no_two_tenants_share_one(tmp_path: Path) -> None:
    tables, acme = Local(tmp_path), scope("acme")
    held = tables.table(acme, ROW, WordsEmbedder())
    assert tables.table(acme, ROW, WordsEmbedder()) is held
    assert tables.table(scope("acme"), ROW, WordsEmbedder()) is not held
    assert tables.table(scope("globex"), ROW, WordsEmbedder()).search("x", 5) == []
