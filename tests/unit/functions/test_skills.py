"""The function's own border: one tenant in a process, for good."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from functions.skills import app
from tests.skills import bundle

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "_served", [])


def _event(tenant: str, body: str = "return 'x'") -> dict[str, Any]:
    files = base64.b64encode(bundle(body).archive).decode()
    return {"tenant": tenant, "skill": "probe", "tool": "probe", "arguments": {}, "files": files, "secrets": {}}


@pytest.mark.skipif(sys.platform != "linux", reason="the sandbox is Linux's")
def test_a_call_is_answered_with_text_and_what_it_stored() -> None:
    answer = app.handler(_event("a", "(scratch() / 'f').write_text('y'); return 'x'"), SimpleNamespace(tenant_id="a"))
    assert (answer["text"], answer["error"]) == ("x", "")
    assert base64.b64decode(answer["scratch"])[:2] == b"PK"


@pytest.mark.parametrize("given", [None, "", "b"])
def test_a_call_for_another_tenant_than_the_environments_is_refused(given: str | None) -> None:
    with pytest.raises(PermissionError):
        app.handler(_event("a"), SimpleNamespace(tenant_id=given))


def test_an_environment_never_serves_a_second_tenant() -> None:
    app._served[:] = ["a"]
    with pytest.raises(PermissionError, match="another tenant"):
        app.handler(_event("b"), SimpleNamespace(tenant_id="b"))


def test_files_that_are_none_are_an_answer() -> None:
    event = {**_event("a"), "files": base64.b64encode(b"no zip").decode()}
    assert "cannot be used" in app.handler(event, SimpleNamespace(tenant_id="a"))["error"]


def test_it_loads_neither_aws_nor_the_product() -> None:
    code = "import json, sys, functions.skills.app; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(json.loads(done.stdout))
    assert not loaded & {"boto3", "botocore", "anthropic", "pydantic", "yaml", "manyclaw.tenancy", "manyclaw.agent"}
