"""`make bench`: start a fresh stack, drive it over HTTP, print the figures; `--json` for machines.

The simulated model answers at once, so what is measured is the product's own share of the time.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from bench.imports import cold_import
from bench.messages import burst, first_prompt, quiet_chat, requests_per_message, wait_for_memory
from tests.integration.world import World
from tests.stack import free_port, stack_environment, start, stop


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--state", type=Path, help="use the running stack of this state folder (with test controls)")
    options = parser.parse_args()
    results = cold_import()
    if options.state:
        results |= _measure(World(json.loads((options.state / "stack.json").read_text())))
    else:
        with tempfile.TemporaryDirectory() as folder:
            environment = stack_environment(Path(folder) / "state", free_port(), MANYCLAW_MEMORY_DELAY="")
            stack = start(environment)
            try:
                results |= _measure(World(stack))
            finally:
                stop(environment)
    if options.json:
        print(json.dumps(results, indent=2))
    else:
        for name, value in results.items():
            print(f"{name:<58} {value:>10}")
    return 0


def _measure(world: World) -> dict[str, float]:
    world.heal()
    customer = world.customer()
    results = {
        **first_prompt(world),
        **quiet_chat(world, customer),
        **requests_per_message(world, customer),
        **burst(world, world.customer(), "first burst, agents cold"),
        **burst(world, world.customer(), "second burst, agents warm"),
        **quiet_chat(world, customer, "while memory indexes the bursts"),
    }
    wait_for_memory(world)
    return results | quiet_chat(world, customer, "after that")


if __name__ == "__main__":
    sys.exit(main())
