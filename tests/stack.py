"""Starting and stopping an embedded stack of the tests' own."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


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
        "MANYCLAW_MEMORY_DELAY": "0",
        **more,
    }


def start(environment: dict[str, str]) -> dict[str, Any]:
    """Bring a stack up in the background; gives the content of its stack.json."""
    subprocess.run([sys.executable, "-m", "local.dev", "--detach"], cwd=ROOT, env=environment, check=True, timeout=600)
    stack: dict[str, Any] = json.loads((Path(environment["MANYCLAW_STATE"]) / "stack.json").read_text())
    return stack


def stop(environment: dict[str, str]) -> None:
    subprocess.run([sys.executable, "-m", "local.dev", "--down"], cwd=ROOT, env=environment, check=True, timeout=120)
