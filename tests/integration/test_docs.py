"""The examples in docs/api.md, run as they stand there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.integration.test_api import token
from tests.integration.world import Customer, Person, World

pytestmark = pytest.mark.integration

PAGE = (Path(__file__).resolve().parents[2] / "docs/api.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def documented(shared_world: World) -> tuple[Customer, dict[str, str]]:
    customer = shared_world.customer()
    tokens = {
        "TOKEN": token(shared_world, customer.id),
        "AUDIT_TOKEN": token(shared_world, customer.id, "audit:read"),
        "CRON_TOKEN": token(shared_world, customer.id, "cron:write"),
        "CONFIG_TOKEN": token(shared_world, customer.id, "config:write"),
        "OPERATOR_TOKEN": token(shared_world, None),
    }
    return customer, tokens


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda text: re.search(r"/v1/\S+/([a-z.]+)", text)[1])  # type: ignore[index]
def test_an_example_works(
    shared_world: World, documented: tuple[Customer, dict[str, str]], tmp_path: Path, example: str
) -> None:
    customer, tokens = documented
    environment = {"API": shared_world.stack["front_door"], "TENANT": customer.id, **tokens}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", example],
        cwd=tmp_path,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    if "greeting:" in example:
        answer = shared_world.ask(customer, Person.new(), "/start")
        assert answer.startswith("Welcome. For which date")
