"""The round over all tenants: who is left alone, who is gone, and what happens when one of them makes trouble."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from manyclaw.errors import Unavailable
from manyclaw.schedules import Drift, reconcile

SETTINGS: Any = SimpleNamespace(stack="manyclaw")


class _Scheduler:
    """Two pages of schedules; notes what is deleted, and whether the tenants were asked for first."""

    def __init__(self) -> None:
        self.pages = {"": (["acme.daily", "gone.daily"], "2"), "2": (["gone.weekly", "leaving.daily"], "")}
        self.deleted: list[str] = []
        self.listed = 0

    def get(self, _: str) -> _Scheduler:
        return self

    def list_schedules(self, **given: Any) -> dict[str, Any]:
        self.listed += 1
        names, following = self.pages[given.get("NextToken", "")]
        return {"Schedules": [{"Name": name} for name in names], "NextToken": following}

    def delete_schedule(self, **given: Any) -> None:
        self.deleted.append(given["Name"])


def _round(scheduler: _Scheduler, opened: list[str], **more: Any) -> Any:
    def tenants() -> list[Any]:
        assert scheduler.listed == 2
        rows = {"acme": "active", "globex": "suspended", "leaving": "deleting"}
        return [SimpleNamespace(tenant=name, status=status) for name, status in rows.items()]

    def scope(tenant: str) -> Any:
        opened.append(tenant)
        raise Unavailable("The table is busy.")

    scopes: Any = SimpleNamespace(open=scope)
    clients: Any = scheduler
    return reconcile(SETTINGS, clients, scopes, tenants, **more)


def test_what_deleted_tenants_left_over_is_removed_whatever_else_fails() -> None:
    scheduler, opened = _Scheduler(), []  # type: ignore[var-annotated]
    done = _round(scheduler, opened)
    assert sorted(scheduler.deleted) == ["gone.daily", "gone.weekly"]
    assert done.drift == (
        Drift("gone", "daily", "tenant gone", repaired=True),
        Drift("gone", "weekly", "tenant gone", repaired=True),
    )
    # Each tenant's trouble is its own, and one that is being deleted is left alone
    assert sorted(opened) == ["acme", "globex"]
    assert done.failed == (("acme", "The table is busy."), ("globex", "The table is busy."))


def test_a_dry_run_removes_nothing_and_a_round_without_time_says_so() -> None:
    scheduler, opened = _Scheduler(), []  # type: ignore[var-annotated]
    done = _round(scheduler, opened, repair=False, seconds=-1.0)
    assert (scheduler.deleted, opened, len(done.drift)) == ([], [], 2)
    assert (done.tenants, done.unchecked) == (0, 2)
