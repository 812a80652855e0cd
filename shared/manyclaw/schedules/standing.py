"""How things stand for a due time or one of its parts, in one request."""

from __future__ import annotations

from dataclasses import dataclass

from manyclaw.aws import get_rows
from manyclaw.schedules.model import Job
from manyclaw.schedules.runs import Run, part_key, run_key, run_of
from manyclaw.schedules.store import job_key, job_of
from manyclaw.tenancy import TenantScope


@dataclass(frozen=True)
class Standing:
    """What the table says, read consistently.

    Attributes
    ----------
    status
        The tenant's; None when it was never made, or is gone.
    paired
        Whether it has a bot.
    job, run
        None when there is none.
    finished
        Whether the part is in the ledger.
    """

    status: str | None
    paired: bool
    job: Job | None
    run: Run | None
    finished: bool = False

    @property
    def is_gone(self) -> bool:
        """Whether nothing may be done for the tenant any more."""
        return self.status in (None, "deleting")


def load_standing(scope: TenantScope, job: str, due: str, conversation: str = "") -> Standing:
    """``conversation`` asks for the part of the run in that chat too."""
    keys = {
        "tenant": scope.key("META"),
        "pairing": scope.key("PAIRING#telegram"),
        "job": job_key(scope, job),
        "run": run_key(scope, job, due),
    }
    if conversation:
        keys["part"] = part_key(scope, job, due, conversation)
    rows = get_rows(scope.clients.dynamodb, scope.table, [key.wire() for key in keys.values()])
    by_key = {(row["pk"], row["sk"]): row for row in rows}
    found = {name: row for name, key in keys.items() if (row := by_key.get((key.pk, key.sk)))}
    return Standing(
        status=str(found["tenant"]["status"]) if "tenant" in found else None,
        paired="pairing" in found,
        job=job_of(found["job"]) if "job" in found else None,
        run=run_of(found["run"]) if "run" in found else None,
        finished="part" in found,
    )
