"""A second stack beside the first: strangers' servers by URL, a state that survives the loss of every process, and
what needs a stack of its own: a whole account's bill, and a clock that passes midnight."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import urllib3

from manyclaw.billing import Call, Tokens, closed_days, from_csv, read_report
from tests.integration.spending import spend
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


def _manyclaw(environment: dict[str, str], *arguments: str, exit_code: int = 0) -> str:
    command = [sys.executable, "-m", "cli.main", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == exit_code, done.stdout + done.stderr
    return done.stdout


def test_all_books_agree_with_anthropics_account(environment: dict[str, str]) -> None:
    # Given a model server that counted what it served, and an Admin API key to its reports
    today = ("billing", "verify", "--period", str(datetime.now(UTC).date()))
    World(_stack(environment)).heal()
    _manyclaw(environment, "stack", "anthropic-admin-key", "--key", "sk-ant-admin01-test")
    # Then all tenants' ledgers are what the account has, in tokens and in money
    told = json.loads(_manyclaw(environment, *today, "--json"))
    assert (told["anthropic"], told["differences"], told["total"]["requests"] >= 3) == (True, [], True)
    # And what was used elsewhere with the account's keys is found
    asked = {"model": "claude-haiku-4-5", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
    url = f"{environment['ANTHROPIC_BASE_URL']}/v1/messages"
    headers = {"x-api-key": "sk-elsewhere", "anthropic-version": "2023-06-01"}
    assert World(_stack(environment)).request("POST", url, asked, headers).status == 200
    assert "Anthropic" in _manyclaw(environment, *today, exit_code=1)


def test_the_night_comes_by_the_clock_and_twice_is_like_once(environment: dict[str, str]) -> None:
    # Given a tenant that used something on the last closed day
    world = World(_stack(environment))
    acme = world.customer()
    (day,) = closed_days(datetime.now(UTC), 1)
    call = Call(
        "golden", 1, "claude-sonnet-4-6", "4711", "chat", datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    )
    spend(acme.scope, world.operator.gateway, call, Tokens(3, 1_059, 73_030, 2_124, 0))
    log = Path(environment["MANYCLAW_STATE"]) / "logs" / "manyclaw-nightly.log"

    def nights() -> list[str]:
        return [line for line in log.read_text().splitlines() if f'"day": "{day}"' in line]

    def pass_to_the_night() -> None:
        now = datetime.fromtimestamp(world.aws("GET", "clock")["now"], UTC)
        today = now.replace(hour=0, minute=20, second=1, microsecond=0)
        world.pass_time(((today if today > now else today + timedelta(days=1)) - now).total_seconds())

    # When the clock passes 00:20
    assert nights() == []
    pass_to_the_night()
    world.until("the night's work", nights)
    # Then the schedule has had the function write the day, once
    stage = world.operator.stage
    stored = read_report(stage.clients.s3, stage.settings.bucket, day)
    assert stored
    usage = from_csv(stored.text)[str(day), acme.id, "claude-sonnet-4-6"]
    assert (usage.requests, usage.cost_usd) == (1, Decimal("0.045768"))
    # And when it comes again, nothing is written
    pass_to_the_night()
    world.until("the night's work once more", lambda: len(nights()) == 2)
    assert '"changed": true' in nights()[0].partition(str(day))[2]
    assert '"changed": true' not in nights()[1]
    assert read_report(stage.clients.s3, stage.settings.bucket, day) == stored
