"""Which memories were written to since their last optimization: what the nightly round has to look at.

They stand in a partition of the table that is the memory function's own, one row each, with no word of what was said.
So the round asks once for all tenants, and a memory that nobody uses costs it nothing. A row too many is harmless: the
optimization that it orders finds nothing to do and removes it. One too few only waits for the next write.
"""

from __future__ import annotations

from manyclaw.aws import Clients
from manyclaw.memory.model import Subject, subject
from manyclaw.settings import Settings
from manyclaw.tenancy import MEMORY_PARTITION, GatewayTable, TenantId, tenant_id

_WRITTEN = "WRITTEN#"


class WrittenMemories:
    """The list, with the memory function's own rights."""

    def __init__(self, settings: Settings, clients: Clients) -> None:
        self._rows = GatewayTable(settings, clients, MEMORY_PARTITION)

    def note(self, tenant: TenantId, whose: Subject) -> None:
        """To be called before the first write after an optimization is counted, so that a crash loses no row."""
        self._rows.put(f"{_WRITTEN}{tenant}#{whose}", {"tenant": tenant, "subject": whose})

    def remove(self, tenant: TenantId, whose: Subject) -> None:
        """It is optimized, or is no more."""
        self._rows.delete(f"{_WRITTEN}{tenant}#{whose}")

    def all(self) -> list[tuple[TenantId, Subject]]:
        """Every one, by tenant."""
        return [(tenant_id(row["tenant"]), subject(row["subject"])) for row in self._rows.all(_WRITTEN)]
