"""The demo holds, and says so only when it does."""

from __future__ import annotations

from typing import Any

import pytest

from local.demo import run
from manyclaw.errors import Misconfigured

pytestmark = pytest.mark.integration


def test_the_demo_holds(stack: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(stack) == []
    assert "FAILED" not in capsys.readouterr().out


def test_it_refuses_servers_that_are_not_simulated(stack: dict[str, Any]) -> None:
    with pytest.raises(Misconfigured, match="needs both simulators"):
        run({**stack, "anthropic_is_simulated": False})
