"""How fast a log is sealed, shipped and verified: `python -m bench.audit --state FOLDER`, on a running stack."""

from __future__ import annotations

import argparse
import json
import secrets
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from manyclaw.audit import Inbox, Locked, read_head, record, verify
from tests.integration.world import World


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m bench.audit", description=__doc__)
    parser.add_argument("--state", type=Path, required=True, help="the running stack's state folder")
    parser.add_argument("--entries", type=int, default=2_000)
    options = parser.parse_args()
    world = World(json.loads((options.state / "stack.json").read_text()))
    log = world.operator.scopes.open(f"b-{secrets.token_hex(5)}").audit
    for name, value in {**_lag(world, log), **_many(world, log, options.entries)}.items():
        print(f"{name:<50} {value:>10}")
    return 0


def _shipped(world: World, log: Inbox, count: int) -> float:
    began = time.monotonic()
    world.until("the log to be shipped", lambda: read_head(log).shipped >= count, 600)
    return time.monotonic() - began


def _lag(world: World, log: Inbox) -> dict[str, float]:
    """From handing in one entry to its locked copy, the others at rest."""
    lags = []
    for number in range(1, 16):
        record(log, "sign_in")
        lags.append(_shipped(world, log, number))
    return {"one entry to its locked copy, median s": round(statistics.median(lags), 2)}


def _many(world: World, log: Inbox, entries: int) -> dict[str, float]:
    before = read_head(log).seq
    began = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: record(log, "sign_in"), range(entries)))
    handed_in = time.monotonic() - began
    _shipped(world, log, before + entries)
    sealed = time.monotonic() - began
    stage = world.operator.stage
    began = time.monotonic()
    verdict = verify(log, Locked(stage.clients, stage.settings.audit_bucket, log.owner))
    assert verdict.intact, verdict.findings
    assert verdict.locked == before + entries
    return {
        "entries handed in a second, 8 threads": round(entries / handed_in),
        "entries sealed and shipped a second, beside that": round(entries / sealed),
        "entries verified a second": round(verdict.entries / (time.monotonic() - began)),
        "segments": verdict.segments,
    }


if __name__ == "__main__":
    sys.exit(main())
