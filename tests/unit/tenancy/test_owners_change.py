"""Who writes config.yaml can name owners, and so hand on the dashboard: the audit log tells it."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any, cast

import pytest

from manyclaw.tenancy import GatewayConfig, TenantScope, overlay_store
from manyclaw.tenancy.objects import StoredText
from tests.unit.audit.fakes import Log


@pytest.fixture
def log() -> Log:
    return Log()


def _replace(log: Log, monkeypatch: pytest.MonkeyPatch, before: str | None, after: str) -> list[dict[str, Any]]:
    """The entries about owners that a save hands in."""
    stored = None if before is None else StoredText(before.encode(), '"1"')
    monkeypatch.setattr(overlay_store, "read_overlay", lambda scope: stored)
    monkeypatch.setattr(overlay_store, "write_text", lambda *_, **__: '"2"')
    scope = SimpleNamespace(
        audit=log.inbox, clients=log.clients, bucket="b", tenant="acme", object_key=lambda path: f"tenants/acme/{path}"
    )
    gateway = cast("GatewayConfig", SimpleNamespace(models={}))
    overlay_store.replace_overlay(cast("TenantScope", scope), after, gateway, frozenset())
    entries = [json.loads(row["entry"]["S"]) for _, row in sorted(log.rows.items())]
    assert [each["outcome"] for each in entries if each["action"] == "config.change"] == ["begun", "ok"]
    return [each for each in entries if each["action"] == "owners.change"]


@pytest.mark.parametrize(
    ("before", "after", "added", "removed"),
    [
        (None, "owners: [1]\n", ["1"], []),
        ("owners: [1, 2]\n", "owners: [2, 30, 4]\n", ["4", "30"], ["1"]),
        ("owners: [1]\n", "greeting: hi\n", [], ["1"]),
        ("owners: {broken\n", "owners: [1]\n", ["1"], []),
    ],
)
def test_other_owners_are_told_by_number(
    log: Log, monkeypatch: pytest.MonkeyPatch, before: str | None, after: str, added: list[str], removed: list[str]
) -> None:
    begun, done = _replace(log, monkeypatch, before, after)
    assert (begun["outcome"], done["outcome"], done["of"]) == ("begun", "ok", begun["id"])
    assert done["details"] == {"added": added, "removed": removed}


def test_the_same_owners_are_no_change(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _replace(log, monkeypatch, "owners: [1, 2]\n", "owners: [2, 1]\ngreeting: hi\n") == []
