"""Latency, S3 requests and size of one table, measured on the embedded stack with a tenant's scoped session."""

from __future__ import annotations

import json
import random
import time
from datetime import UTC, datetime, timedelta
from statistics import median, quantiles
from typing import Any

import numpy as np

from bench.memory.progress import say, step
from manyclaw.memory.embedders import Embedder
from manyclaw.memory.engine import Engine
from manyclaw.memory.model import MemoryRow, Subject, Turn, memory_path
from manyclaw.memory.service import OPTIMIZE_EVERY
from manyclaw.memory.subjects import begin_generation
from manyclaw.memory.tables import MemoryTable
from manyclaw.memory.upkeep import stored_bytes
from manyclaw.tenancy import TenantScope, remove_objects
from tests.integration.world import World

_BEGINNINGS = ("ka", "lo", "mi", "ne", "pu", "ra", "ti", "vo")
_ENDS = ("ban", "der", "fol", "gur", "hin", "jat", "kel", "lum", "mor", "nis", "pra", "sut", "tov", "wex")
_WORDS = [beginning + end for beginning in _BEGINNINGS for end in _ENDS]
_WARM_SEARCHES = 100


class _Random:
    """Vectors at random for what is stored, so that writing does not wait for the model; real ones for queries."""

    def __init__(self, real: Embedder) -> None:
        self.name, self.dimensions, self._real = real.name, real.dimensions, real
        self._random = np.random.default_rng(1)

    def passages(self, texts: list[str]) -> Any:
        found = self._random.normal(size=(len(texts), self.dimensions)).astype(np.float32)
        return found / np.linalg.norm(found, axis=1, keepdims=True)

    def query(self, text: str) -> Any:
        return self._real.query(text)


class Storage:
    """One tenant's tables on a running stack."""

    def __init__(self, world: World, scope: TenantScope, embedder: Embedder) -> None:
        self._world = world
        self._scope = scope
        self._embedder = _Random(embedder)
        self._random = random.Random(1)
        self._next = 0

    def _turn(self, number: int) -> Turn:
        at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=number)
        return Turn(f"1-{number}", "7", at, "Ann", self._text(18), self._text(25))

    def _text(self, words: int) -> str:
        return " ".join(self._random.choices(_WORDS, k=words))

    def _table(self, row: MemoryRow) -> MemoryTable:
        """As a process that has just started opens it."""
        return Engine(self._world.stack["region"]).table(self._scope, row, self._embedder)

    def _row(self) -> MemoryRow:
        self._next += 1
        return MemoryRow(Subject(f"u{self._next}"), generation=1)

    def _requests(self) -> int:
        counts = self._world.aws("GET", "requests")["by_action"]
        return sum(count for action, count in counts.items() if action.startswith("s3."))

    def searches(self, rows: int) -> dict[str, float]:
        """A cold search (open and find) and warm ones in an optimized table of ``rows`` turns."""
        row = self._row()
        writer = self._table(row)
        writer.add([self._turn(number) for number in range(rows)])
        writer.optimize()
        self._world.aws("POST", "requests/reset")
        reader = self._table(row)
        began = time.perf_counter()
        reader.search(self._text(8), 10)
        cold, cold_requests = (time.perf_counter() - began) * 1000, self._requests()
        self._world.aws("POST", "requests/reset")
        took = []
        for _ in range(_WARM_SEARCHES):
            began = time.perf_counter()
            reader.search(self._text(8), 10)
            took.append((time.perf_counter() - began) * 1000)
        warm_requests = round(self._requests() / _WARM_SEARCHES, 1)
        begin_generation(self._scope, MemoryRow(row.subject), row.generation, rows)
        in_function = self._in_function(row)
        name = f"{rows:,} turns"
        return {
            f"{name}: cold search, ms": round(cold),
            f"{name}: cold search, S3 requests": cold_requests,
            f"{name}: warm search, p50, ms": round(quantiles(took, n=100)[49], 1),
            f"{name}: warm search, p95, ms": round(quantiles(took, n=100)[94], 1),
            f"{name}: warm search, S3 requests": warm_requests,
            f"{name}: warm search in the function, p50, ms": round(quantiles(in_function, n=100)[49], 1),
            f"{name}: warm search in the function, p95, ms": round(quantiles(in_function, n=100)[94], 1),
        }

    def _in_function(self, row: MemoryRow) -> list[float]:
        """Milliseconds of the deployed function itself, by its own clock: the row, the table, the model, the search."""
        stage, took = self._world.operator.stage, []
        for number in range(_WARM_SEARCHES + 3):
            request = {"action": "search", "tenant": self._scope.tenant, "subject": row.subject}
            answer = stage.clients.get("lambda").invoke(
                FunctionName=stage.settings.memory_function,
                Payload=json.dumps({**request, "query": self._text(8), "limit": 10}).encode(),
            )
            found = json.loads(answer["Payload"].read())
            assert len(found["passages"]) == 10, found
            if number >= 3:
                took.append(found["milliseconds"])
        return took

    def growth(self, writes: int) -> dict[str, float]:
        """Single-turn writes with the function's own upkeep: size beside the same turns written at once, and what a
        search costs as they accumulate, each time just before an upkeep, when it costs most."""
        row, results = self._row(), dict[str, float]()
        writer, warm = self._table(row), self._table(row)
        marks = {writes // share // OPTIMIZE_EVERY * OPTIMIZE_EVERY - 1 for share in (50, 10, 2, 1)}
        took = requests = 0.0
        for number in range(1, writes + 1):
            step("single writes", number, writes)
            self._world.aws("POST", "requests/reset")
            began = time.perf_counter()
            writer.add([self._turn(number)])
            if number % OPTIMIZE_EVERY == 0:
                writer.optimize()
                remove_objects(self._scope, memory_path(row.subject, row.generation) + "/", only_old=True)
            took, requests = took + time.perf_counter() - began, requests + self._requests()
            if number in marks:
                results |= self._accumulated(row, number, warm)
        name = f"{writes:,} single writes"
        return results | {
            f"{name}: times the size of one write": self._times_one_write(row, writes),
            f"{name}: ms a write, upkeep included": round(took / writes * 1000, 1),
            f"{name}: S3 requests a write, upkeep included": round(requests / writes, 1),
        }

    def _times_one_write(self, row: MemoryRow, writes: int) -> float:
        """The bytes of a table, old versions included, over those of as many turns written at once."""
        size, once = stored_bytes(self._scope, row.subject), self._row()
        self._table(once).add([self._turn(number) for number in range(writes)])
        return round((size.current + size.old) / stored_bytes(self._scope, once.subject).current, 2)

    def _accumulated(self, row: MemoryRow, writes: int, warm: MemoryTable) -> dict[str, float]:
        say(f"after {writes:,} single writes")
        times = self._times_one_write(row, writes)
        self._world.aws("POST", "requests/reset")
        began = time.perf_counter()
        self._table(row).search(self._text(8), 10)
        cold, cold_requests = (time.perf_counter() - began) * 1000, self._requests()
        warm.search(self._text(8), 10)
        self._world.aws("POST", "requests/reset")
        took = []
        for _ in range(20):
            began = time.perf_counter()
            warm.search(self._text(8), 10)
            took.append((time.perf_counter() - began) * 1000)
        name = f"after {writes:,} single writes, upkeep due"
        return {
            f"{name}: times the size of one write": times,
            f"{name}: cold search, ms": round(cold),
            f"{name}: cold search, S3 requests": cold_requests,
            f"{name}: warm search, p50, ms": round(median(took), 1),
            f"{name}: warm search, S3 requests": round(self._requests() / len(took), 1),
        }

    def between_optimizations(self) -> dict[str, float]:
        """The worst case of a cold search: as many single writes since the last optimization as there can be."""
        row = self._row()
        writer = self._table(row)
        for number in range(OPTIMIZE_EVERY - 1):
            writer.add([self._turn(number)])
        self._world.aws("POST", "requests/reset")
        self._table(row).search(self._text(8), 10)
        return {f"{OPTIMIZE_EVERY - 1} writes since the last optimization: cold search, S3 requests": self._requests()}
