"""LanceDB connections of tenants, with nothing but the tenant's own scoped credentials."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from manyclaw.memory.model import MemoryRow, memory_path
from manyclaw.memory.native import lancedb
from manyclaw.memory.tables import MemoryTable
from manyclaw.settings import aws_endpoint
from manyclaw.tenancy import TenantScope

if TYPE_CHECKING:
    from manyclaw.memory.embedders import Embedder

KEEP_BYTES = 300_000_000
"""How much of tables one process holds in memory, of all subjects together: some 60,000 turns of a few sentences."""

KEEP_TABLES = 200

_INDEX_CACHE_BYTES = 1_000_000
_METADATA_CACHE_BYTES = 8_000_000


class Engine:
    """Opens tables and keeps those used last, each with its content in memory."""

    def __init__(self, region: str) -> None:
        self._region = region
        self._open: OrderedDict[tuple[str, str, int, str], tuple[TenantScope, MemoryTable]] = OrderedDict()

    def table(
        self, scope: TenantScope, row: MemoryRow, embedder: Embedder, generation: int | None = None
    ) -> MemoryTable:
        """The subject's table, of the generation in force unless another is asked for. It may not exist yet.

        It is opened anew when the scope's session was renewed, since LanceDB keeps the credentials it was given.
        """
        number = row.generation if generation is None else generation
        name = (str(scope.tenant), str(row.subject), number, embedder.name)
        held = self._open.get(name)
        if held is None or held[0] is not scope:
            database = self._connect(scope, memory_path(row.subject, number))
            held = self._open[name] = (scope, MemoryTable(database, embedder))
        self._open.move_to_end(name)
        self._trim()
        return held[1]

    def drop(self, scope: TenantScope, row: MemoryRow) -> None:
        """Hold nothing of the subject any more."""
        for name in [name for name in self._open if name[:2] == (scope.tenant, row.subject)]:
            del self._open[name]

    def _trim(self) -> None:
        held = sum(table.bytes for _, table in self._open.values())
        while len(self._open) > 1 and (held > KEEP_BYTES or len(self._open) > KEEP_TABLES):
            _, (_, table) = self._open.popitem(last=False)
            held -= table.bytes

    def _connect(self, scope: TenantScope, path: str) -> Any:
        given = scope.credentials
        endpoint = aws_endpoint("s3", self._region)
        options = {
            "aws_access_key_id": given.access_key_id,
            "aws_secret_access_key": given.secret_access_key,
            "aws_session_token": given.session_token or "",
            "aws_region": self._region,
            "connect_timeout": "2s",
            "request_timeout": "10s",
        }
        if endpoint.startswith("http://") or not endpoint.endswith(".amazonaws.com"):
            options |= {"aws_endpoint": endpoint, "allow_http": "true"}
        return lancedb().connect(
            f"s3://{scope.bucket}/{scope.object_key(path)}",
            storage_options=options,
            session=lancedb().Session(_INDEX_CACHE_BYTES, _METADATA_CACHE_BYTES),
        )
