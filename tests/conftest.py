"""The embedded stack that a process's tests share, and what tests measure, for the summary.

``MANYCLAW_TEST_STATE`` names the state folder of a stack that runs already (started with MANYCLAW_TEST_CONTROLS=1), for
quick turns while working on a test.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.stack import free_port, stack_environment, start, stop

if TYPE_CHECKING:
    from tests.integration.world import World


def pytest_terminal_summary(terminalreporter: Any) -> None:
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.getreports(kind)]
    measured = [value for report in reports for name, value in report.user_properties if name == "measured"]
    for value in sorted(set(measured)):
        terminalreporter.write_line(f"measured: {value}")


@pytest.fixture
def measured(record_property: Any) -> Any:
    """Call it with a sentence that shall stand in the summary, whichever process runs the test."""
    return lambda sentence: record_property("measured", sentence)


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """The content of stack.json of a running stack."""
    given = os.environ.get("MANYCLAW_TEST_STATE")
    if given:
        yield json.loads((Path(given) / "stack.json").read_text())
        return
    environment = stack_environment(tmp_path_factory.mktemp("stack") / "state", free_port())
    yield start(environment)
    stop(environment)


@pytest.fixture(scope="session")
def shared_world(stack: dict[str, Any]) -> World:
    from tests.integration.world import World

    return World(stack)


@pytest.fixture
def world(shared_world: World) -> Iterator[World]:
    """The running stack, with every fault and hold taken back afterwards."""
    shared_world.heal()
    yield shared_world
    shared_world.heal()
