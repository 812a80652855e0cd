"""Deleting a tenant: all that it said and stored goes; what it owes stays.

The order makes every interruption harmless and every repetition safe: first nothing new can come in (status
``deleting``, then the webhook's row), then the outside is told, then secrets, files and conversations go, and the
registry's row, by which the deletion can be found and repeated, goes last. The ledger and the day counters are kept
for the last invoice; they hold token counts and costs, never a word of a conversation. The audit log is kept too: its
partition is not among those that go, and the tenant's session has no right to change it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from manyclaw.tenancy.ids import TenantId
from manyclaw.tenancy.registry import META, Registry
from manyclaw.tenancy.removal import remove_objects, remove_rows, row_keys
from manyclaw.tenancy.scope import TenantScope
from manyclaw.tenancy.secrets import SECRETS, delete_secret, get_secret


@dataclass
class ErasureReport:
    """What a deletion removed, or with ``dry_run`` would remove.

    Attributes
    ----------
    object_versions
        S3 versions and delete markers.
    conversation_rows, other_rows
        Table rows of conversations, and of the tenant itself.
    kept_usage_rows
        Day counters kept for the last invoice, with their days' ledgers.
    notes
        What could not be done and does not stand in the way, e.g. a bot token that Telegram no longer knows.
    """

    tenant: TenantId
    dry_run: bool
    webhook: bool = False
    object_versions: int = 0
    secrets: list[str] = field(default_factory=list)
    conversations: int = 0
    conversation_rows: int = 0
    other_rows: int = 0
    kept_usage_rows: int = 0
    notes: list[str] = field(default_factory=list)


def erase(
    registry: Registry, tenant: str, *, disconnect: Callable[[TenantScope], list[str]], dry_run: bool = False
) -> ErasureReport:
    """Delete ``tenant``, or finish a deletion that was interrupted.

    Parameters
    ----------
    disconnect
        Tells the services outside (Telegram) to send nothing more; what it gives back goes into the report's notes.
    dry_run
        Only count.

    Raises
    ------
    NotFound
        There is no such tenant.
    Unavailable
        The bucket keeps refusing to remove some versions; the tenant stays ``deleting``, do it again.
    """
    found = registry.get(tenant).tenant
    scope = registry.scopes.open(found)
    report = ErasureReport(found, dry_run)
    report.webhook = registry.table.get(f"WEBHOOK#{found}") is not None
    report.secrets = [name for name in SECRETS if get_secret(scope, name) is not None]
    if not dry_run:
        registry.mark_deleting(found)
        registry.table.delete(f"WEBHOOK#{found}")
        report.notes += disconnect(scope)
        for name in SECRETS:
            delete_secret(scope, name)
    report.object_versions = remove_objects(scope, "", dry_run=dry_run)
    _conversations(scope, report)
    _own_rows(scope, report)
    report.kept_usage_rows = len(row_keys(scope, scope.part("USAGE", "").pk, "DAY#"))
    if not dry_run:
        registry.table.delete(f"WEBHOOK#{found}")
        removed = {"object_versions": report.object_versions, "conversations": report.conversations}
        removed |= {"rows": report.conversation_rows + report.other_rows, "secrets": len(report.secrets)}
        registry.forget(found, removed)
    return report


def _conversations(scope: TenantScope, report: ErasureReport) -> None:
    """A conversation's rows first and its index row after them, so that none is ever left without an index."""
    for index in row_keys(scope, scope.key("").pk, "CHAT#"):
        rows = row_keys(scope, scope.part(index["sk"]["S"], "").pk)
        report.conversations += 1
        report.conversation_rows += len(rows)
        if not report.dry_run:
            remove_rows(scope, rows)
            remove_rows(scope, [index])


def _own_rows(scope: TenantScope, report: ErasureReport) -> None:
    """All else in the tenant's own partition, META last: while it is there it says ``deleting`` to the agent."""
    rows = row_keys(scope, scope.key("").pk)
    others = [row for row in rows if row["sk"]["S"] != META and not row["sk"]["S"].startswith("CHAT#")]
    report.other_rows = len(others) + any(row["sk"]["S"] == META for row in rows)
    if not report.dry_run:
        remove_rows(scope, others)
        remove_rows(scope, [row for row in rows if row["sk"]["S"] == META])
