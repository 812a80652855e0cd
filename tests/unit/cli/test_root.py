"""Options that may stand anywhere, errors as one line, and a start that loads nothing heavy."""

from __future__ import annotations

import subprocess
import sys

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from cli.main import app
from cli.root import explain, hoist
from manyclaw.errors import BadInput, ManyclawError, Misconfigured, Refused, Unavailable


@pytest.mark.parametrize(
    ("given_", "hoisted"),
    [
        ("tenants list --json", "--json tenants list"),
        ("tenants list --stage prod --limit 3", "--stage prod tenants list --limit 3"),
        ("--debug usage show a --stage=prod", "--debug --stage=prod usage show a"),
        ("tenants show -- --json", "tenants show -- --json"),
        ("tenants list --stage", "--stage tenants list"),
    ],
)
def test_global_options_may_follow_the_command(given_: str, hoisted: str) -> None:
    assert hoist(given_.split()) == hoisted.split()


@given(st.lists(st.sampled_from(["--json", "--debug", "--stage=x", "tenants", "list", "-t", "a"]), max_size=8))
def test_hoisting_loses_nothing_and_repeats_harmlessly(arguments: list[str]) -> None:
    hoisted = hoist(arguments)
    assert sorted(hoisted) == sorted(arguments)
    assert hoist(hoisted) == hoisted


def _client_error(code: str, status: int = 400) -> ClientError:
    metadata = {"HTTPStatusCode": status, "RequestId": "1", "HTTPHeaders": {}, "RetryAttempts": 0, "HostId": ""}
    return ClientError(
        {"Error": {"Code": code, "Message": "why"}, "ResponseMetadata": metadata},  # type: ignore[typeddict-item]
        "GetItem",
    )


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (BadInput("x"), BadInput),
        (_client_error("AccessDeniedException"), Refused),
        (_client_error("ExpiredTokenException"), Refused),
        (_client_error("ThrottlingException"), Unavailable),
        (_client_error("InternalServerError", 500), Unavailable),
        (_client_error("ResourceNotFoundException"), Misconfigured),
        (NoCredentialsError(), Refused),
        (EndpointConnectionError(endpoint_url="http://127.0.0.1:1"), Unavailable),
    ],
)
def test_errors_are_told_in_the_products_terms(error: Exception, kind: type[ManyclawError]) -> None:
    assert type(explain(error)) is kind


def test_a_programming_error_is_not_dressed_up() -> None:
    assert explain(ZeroDivisionError()) is None


def test_a_stage_that_is_not_up_is_one_line_and_exit_code_3(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MANYCLAW_STATE", "/nowhere")
    result = CliRunner().invoke(app, ["tenants", "list", "--json"])
    assert result.exit_code == 3
    assert result.stdout == ""
    assert result.stderr.startswith("error: The embedded stack is not up")
    assert "Traceback" not in result.stderr


def test_debug_lets_the_traceback_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MANYCLAW_STATE", "/nowhere")
    result = CliRunner().invoke(app, ["tenants", "list", "--debug"])
    assert isinstance(result.exception, ManyclawError)


@pytest.mark.parametrize("command", [["tenants", "delete", "a"], ["channels", "unpair", "-t", "a"]])
def test_help_says_what_a_command_does_and_shows_an_example(command: list[str]) -> None:
    result = CliRunner().invoke(app, [*command[:2], "--help"])
    assert result.exit_code == 0
    assert f"manyclaw {command[0]} {command[1]}" in result.stdout


def test_version_as_json() -> None:
    result = CliRunner().invoke(app, ["version", "--json"])
    assert result.exit_code == 0
    assert '"version"' in result.stdout


def test_starting_loads_no_heavy_library() -> None:
    heavy = "boto3 botocore pydantic yaml rich anthropic urllib3"
    code = f"import sys, cli.main; print([name for name in {heavy.split()!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
