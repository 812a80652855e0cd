"""What the memory function does: search, index, look after tables."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

from manyclaw.aws import Clients
from manyclaw.errors import BadInput
from manyclaw.logs import fields
from manyclaw.memory.embedders import Embedder, embedder
from manyclaw.memory.engine import Engine
from manyclaw.memory.jobs import Job, read_job, send_job
from manyclaw.memory.model import MemoryRow, Passage, Subject, memory_path, subject
from manyclaw.memory.native import lancedb, prepare
from manyclaw.memory.subjects import (
    Outdated,
    begin_generation,
    count_writes,
    load_memory_row,
    next_generation,
    note_optimized,
)
from manyclaw.memory.tables import MemoryTable
from manyclaw.memory.transcripts import turns_of
from manyclaw.memory.written import WrittenMemories
from manyclaw.settings import Settings, settings
from manyclaw.tenancy import (
    GatewayTable,
    Registry,
    ScopeFactory,
    TenantId,
    TenantScope,
    load_gateway_config,
    remove_objects,
    tenant_id,
)

OPTIMIZE_EVERY = 16
"""Writes after which a table's small files are merged: each search that starts cold reads all of them, at one S3
request a write beside about ten."""

MAX_PASSAGES = 50

log = logging.getLogger(__name__)


@dataclass
class Memory:
    """Made once a process. ``clients`` are those of the function's own role, which may not touch tenant data."""

    settings: Settings
    clients: Clients
    scopes: ScopeFactory
    engine: Engine

    @cached_property
    def written(self) -> WrittenMemories:
        """What the nightly round has to look at."""
        return WrittenMemories(self.settings, self.clients)

    def embedder(self) -> Embedder:
        """The one that the gateway's configuration names now."""
        config = load_gateway_config(self.clients, self.settings)
        return embedder(config.memory.embedder, self.clients)

    def warm(self) -> None:
        """Load what the first search would have to wait for. The embedder is loaded by its first text."""
        lancedb()
        self.embedder().query("warm")
        log.info("warm")

    # ------------------------------------------------------------------ search
    def search(self, request: dict[str, Any]) -> list[Passage]:
        """Answer ``{"tenant", "subject", "query", "limit"}``; an empty list for one of whom nothing is known.

        Raises
        ------
        BadInput
            The tenant or the subject is none.
        """
        scope = self.scopes.open(tenant_id(request.get("tenant")))
        row = load_memory_row(scope, subject(request.get("subject")))
        query, limit = str(request.get("query") or ""), int(request.get("limit") or 10)
        if not row.turns or not query.strip():
            return []
        try:
            return self._search(scope, row, query, min(limit, MAX_PASSAGES))
        except (RuntimeError, OSError, ValueError) as error:
            # Its files were compacted or forgotten while we read: what we hold is outdated.
            log.warning("reading anew", extra=fields(tenant=scope.tenant, error=str(error)[:200]))
            self.engine.drop(scope, row)
            return self._search(scope, load_memory_row(scope, row.subject), query, min(limit, MAX_PASSAGES))

    def _search(self, scope: TenantScope, row: MemoryRow, query: str, limit: int) -> list[Passage]:
        table = self.engine.table(scope, row, self.embedder())
        if table.exists():
            return table.search(query, limit)
        if table.others():
            send_job(self.clients, self.settings, Job("adopt", scope.tenant, row.subject), f"adopt/{row.subject}")
            return table.search_others(query, limit)
        return []

    # ------------------------------------------------------------------ index
    def work(self, records: Sequence[dict[str, Any]]) -> list[str]:
        """Do the jobs of a batch of SQS records; gives the ids of the messages to be delivered again."""
        failed: list[str] = []
        for (tenant, whose), todo in _by_subject(records, failed).items():
            try:
                self._work(self.scopes.open(tenant), whose, [job for _, job in todo])
            except Exception:
                log.exception("indexing failed", extra=fields(tenant=tenant, subject=whose))
                failed += [message for message, _ in todo]
        for record in records:
            if record["messageId"] in failed:
                self._retry_soon(record)
        return failed

    def _retry_soon(self, record: dict[str, Any]) -> None:
        """The queue's own timeout is as long as the function may run, and the subject's other jobs wait behind this."""
        seconds = min(5 * 2 ** int(record["attributes"]["ApproximateReceiveCount"]), 600)
        try:
            self.clients.sqs.change_message_visibility(
                QueueUrl=self.settings.memory_queue_url,
                ReceiptHandle=record["receiptHandle"],
                VisibilityTimeout=seconds,
            )
        except Exception as error:
            log.warning("the retry comes late", extra=fields(error=type(error).__name__))

    def _work(self, scope: TenantScope, whose: Subject, jobs: list[Job]) -> None:
        row = load_memory_row(scope, whose)
        kinds = {job.kind for job in jobs}
        if "rebuild" in kinds:
            row = self._rebuild(scope, row)
        table = self.engine.table(scope, row, self.embedder())
        due = "optimize" in kinds or row.unoptimized + 1 >= OPTIMIZE_EVERY
        try:
            row = self._add(scope, row, table, jobs, adopt=due or "adopt" in kinds or not table.exists())
        except Outdated:
            # Forgotten while we wrote: what we wrote must go too, and the younger turns come again.
            remove_objects(scope, memory_path(whose, row.generation) + "/")
            self.engine.drop(scope, row)
            raise
        ordered = "optimize" in kinds
        if row.unoptimized >= OPTIMIZE_EVERY or (ordered and row.unoptimized):
            self._optimize(scope, row, table)
        if row.unoptimized >= OPTIMIZE_EVERY or ordered:
            self.written.remove(scope.tenant, whose)

    def _add(self, scope: TenantScope, row: MemoryRow, table: MemoryTable, jobs: list[Job], adopt: bool) -> MemoryRow:
        """Tables of another embedder are adopted with the upkeep also when ours is there: for a minute after a change
        of the configuration, a process that has not seen it yet may write into the old one."""
        given = [job.turn for job in jobs if job.turn is not None]
        turns = [turn for turn in given if not row.forgot(turn)]
        if len(turns) < len(given):
            # Perhaps an attempt that died had written them already, into what was then in force.
            self._remove_generations(scope, row.subject, row.generation)
        adopted = table.adopt() if adopt else 0
        added = table.add(turns) if turns else 0
        log.info("indexed", extra=fields(tenant=scope.tenant, turns=len(turns), added=added, adopted=adopted))
        if not turns and not adopted:
            return row
        if not row.unoptimized:
            self.written.note(scope.tenant, row.subject)
        return count_writes(scope, row, added)

    def _optimize(self, scope: TenantScope, row: MemoryRow, table: MemoryTable) -> None:
        """Merge small files; the bucket keeps what was removed as old versions, so those go as well."""
        table.optimize()
        removed = remove_objects(scope, memory_path(row.subject, row.generation) + "/", only_old=True)
        note_optimized(scope, row)
        log.info("optimized", extra=fields(tenant=scope.tenant, writes=row.unoptimized, old_versions=removed))

    def _rebuild(self, scope: TenantScope, row: MemoryRow) -> MemoryRow:
        """Make the tables anew, in the next generation's folder; the old one is searched until it is in force."""
        generation = next_generation(row)
        table = self.engine.table(scope, row, self.embedder(), generation)
        turns = [turn for turn in turns_of(scope, row.subject) if not row.forgot(turn)]
        if turns:
            table.add(turns)
            table.optimize()
        try:
            row = begin_generation(scope, row, generation, len(turns))
        except Outdated:
            remove_objects(scope, memory_path(row.subject, generation) + "/")
            raise
        self._remove_generations(scope, row.subject, generation)
        log.info("rebuilt", extra=fields(tenant=scope.tenant, turns=len(turns)))
        return row

    def _remove_generations(self, scope: TenantScope, whose: Subject, but: int) -> None:
        for path in self._generations(scope, whose):
            if path != memory_path(whose, but) + "/":
                remove_objects(scope, path)

    def _generations(self, scope: TenantScope, whose: Subject) -> list[str]:
        """The folders of all generations that have left anything, old versions included."""
        prefix = scope.object_key(memory_path(whose))
        found: dict[str, None] = {}
        arguments: dict[str, Any] = {"Bucket": scope.bucket, "Prefix": prefix, "Delimiter": "/"}
        while True:
            answer: dict[str, Any] = dict(scope.clients.s3.list_object_versions(**arguments))
            for each in answer.get("CommonPrefixes", []):
                found[memory_path(whose) + each["Prefix"].removeprefix(prefix)] = None
            if not answer.get("IsTruncated"):
                return list(found)
            arguments |= {"KeyMarker": answer["NextKeyMarker"]}
            if answer.get("NextVersionIdMarker"):
                arguments |= {"VersionIdMarker": answer["NextVersionIdMarker"]}

    # ------------------------------------------------------------------ nightly
    def nightly(self) -> int:
        """Order an optimization of every memory that was written to since its last one; gives how many.

        Two requests and one for each of those: a tenant whose memories nobody used costs nothing.
        """
        due = self.written.all()
        registry = Registry(GatewayTable(self.settings, self.clients), self.scopes)
        tenants = {each.tenant for each in registry.all() if each.status != "deleting"} if due else set()
        for tenant, whose in due:
            if tenant in tenants:
                once = f"optimize/{whose}/{int(time.time())}"
                send_job(self.clients, self.settings, Job("optimize", tenant, whose), once)
            else:
                self.written.remove(tenant, whose)
        log.info("nightly", extra=fields(optimizations=len(due)))
        return sum(tenant in tenants for tenant, _ in due)


def _by_subject(
    records: Sequence[dict[str, Any]], failed: list[str]
) -> dict[tuple[TenantId, Subject], list[tuple[str, Job]]]:
    """The jobs of each subject, in order; what cannot be read is failed, so that it ends in the dead letters."""
    jobs: dict[tuple[TenantId, Subject], list[tuple[str, Job]]] = {}
    for record in records:
        message = record["messageId"]
        try:
            job = read_job(record["body"])
        except BadInput as error:
            log.error("unreadable message", extra=fields(message=message, error=str(error)))
            failed.append(message)
            continue
        jobs.setdefault((job.tenant, job.subject), []).append((message, job))
    return jobs


@cache
def memory() -> Memory:
    """This process's memory service, made with the first invocation: nothing of it is in a snapshot of SnapStart."""
    random.seed()  # environments restored from one snapshot would all pause alike
    prepare()
    found = settings()
    clients = Clients(found.region)
    return Memory(found, clients, ScopeFactory(found, clients), Engine(found.region))
