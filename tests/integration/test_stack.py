"""A second stack beside the first: strangers' servers by URL, and a state that survives the loss of every process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import urllib3

from tests.integration.world import Person, World
from tests.stack import ROOT, free_port, stack_environment, start, stop

pytestmark = pytest.mark.integration


@contextmanager
def _stranger(module: str, *arguments: str) -> Iterator[str]:
    """A server that the stack did not start and knows by its URL only."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", module, "--port", str(port), *arguments], cwd=ROOT)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture(scope="module")
def strangers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    state = tmp_path_factory.mktemp("stranger")
    with (
        _stranger("local.telegram", "--state", str(state)) as telegram,
        _stranger("local.model") as model,
    ):
        yield {"TELEGRAM_API_URL": telegram, "ANTHROPIC_BASE_URL": model, "ANTHROPIC_API_KEY": "sk-ant-strangers-key"}


@pytest.fixture(scope="module")
def environment(strangers: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    made = stack_environment(tmp_path_factory.mktemp("second") / "state", free_port(), **strangers)
    start(made)
    yield made
    stop(made)


def _stack(environment: dict[str, str]) -> dict[str, Any]:
    stack: dict[str, Any] = json.loads((Path(environment["MANYCLAW_STATE"]) / "stack.json").read_text())
    return stack


def _alive(pid: int) -> bool:
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_strangers_servers_are_used_and_the_state_outlives_every_process(environment: dict[str, str]) -> None:
    # Given a stack with somebody else's Bot API and Messages API, and a conversation on it
    world = World(_stack(environment))
    assert world.stack["telegram_api_url"] == environment["TELEGRAM_API_URL"]
    acme, ann = world.customer(), Person.new()
    world.ask(acme, ann, "my name is Theodora")
    assert world.model_calls(acme)[0]["api_key_last4"] == "-key"
    taken = world.aws("GET", "checkpoint")["taken"]
    world.pass_time(0)
    world.until("a checkpoint after that", lambda: world.aws("GET", "checkpoint")["written"] > taken)
    before = [row for row in world.ledger(acme) if row.state == "settled"]

    # When every process of it is killed at once
    pids = list(world.stack["pids"].values())
    workers = [worker["pid"] for worker in world.aws("GET", "workers")]
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    world.until("all to be dead", lambda: not any(map(_alive, [*pids, *workers])), 20)
    with pytest.raises(urllib3.exceptions.HTTPError):
        world.request("GET", f"{world.stack['front_door']}/healthz")

    # Then it comes back with the conversation, the books and the pairing
    start(environment)
    again = World(_stack(environment))
    acme = again.again(acme)
    assert "Theodora" in again.ask(acme, ann, "what is my name")
    assert before[0] in again.ledger(acme)
    again.check_books(acme)

    # And so it does after an orderly stop
    stop(environment)
    start(environment)
    last = World(_stack(environment))
    acme = last.again(acme)
    assert "Theodora" in last.ask(acme, ann, "what is my name")
    assert len(last.ledger(acme)) == 3
    last.check_books(acme)
