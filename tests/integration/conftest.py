"""One freshly started embedded stack for all integration tests.

``MANYCLAW_TEST_STATE`` names the state folder of a stack that runs already (started with MANYCLAW_TEST_CONTROLS=1), for
quick turns while working on a test.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.world import World

ROOT = Path(__file__).resolve().parents[2]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def stack_environment(state: Path, port: int, **more: str) -> dict[str, str]:
    """The environment of a stack of its own, without what the person at the keyboard has set for theirs."""
    ours = ("MANYCLAW_", "TELEGRAM_", "ANTHROPIC_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {
        **kept,
        "MANYCLAW_STATE": str(state),
        "MANYCLAW_PORT": str(port),
        "MANYCLAW_TEST_CONTROLS": "1",
        **more,
    }


def start(environment: dict[str, str]) -> dict[str, Any]:
    """Bring a stack up in the background; gives the content of its stack.json."""
    subprocess.run([sys.executable, "-m", "local.dev", "--detach"], cwd=ROOT, env=environment, check=True, timeout=600)
    stack: dict[str, Any] = json.loads((Path(environment["MANYCLAW_STATE"]) / "stack.json").read_text())
    return stack


def stop(environment: dict[str, str]) -> None:
    subprocess.run([sys.executable, "-m", "local.dev", "--down"], cwd=ROOT, env=environment, check=True, timeout=120)


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
    return World(stack)


@pytest.fixture
def world(shared_world: World) -> Iterator[World]:
    """The running stack, with every fault and hold taken back afterwards."""
    shared_world.heal()
    yield shared_world
    shared_world.heal()
