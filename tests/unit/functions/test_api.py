"""The api function's shell, without a table behind it: what it refuses, and in which form."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from functions.api import app
from manyclaw.access import Gate, Throttle, WebSessions
from manyclaw.errors import Misconfigured, NotFound, Unavailable
from tests.unit.access.fakes import MemoryTable

ROOT = Path(__file__).resolve().parents[3]


class _NoTenants:
    """A registry without a tenant."""

    def get(self, tenant: str) -> None:
        raise NotFound(f"There is no tenant {tenant}.")


class _Here:
    """A runtime whose two partitions are empty."""

    def __init__(self) -> None:
        self.gateway, self.access = MemoryTable(), MemoryTable()
        self.gate = Gate(self.gateway, self.access)
        self.throttle = Throttle(self.access)
        self.sessions = WebSessions(self.access)
        self.access_table = self.access
        self.registry = _NoTenants()
        self.told: list[str] = []


@pytest.fixture(autouse=True, scope="module")
def _loop() -> Iterator[None]:
    yield
    asyncio.get_event_loop_policy().get_event_loop().close()
    app._mangum.cache_clear()


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> _Here:
    made = _Here()
    for module in ("security", "acting", "dashboard.cookies", "dashboard.router", "dashboard.mini_app"):
        monkeypatch.setattr(f"functions.api.{module}.runtime", lambda: made)
    monkeypatch.setattr("functions.api.dashboard.router.log_of", lambda tenant: tenant)
    monkeypatch.setattr("functions.api.dashboard.router.record", lambda log, action, **_: made.told.append(action))
    return made


def call(method: str, path: str, *, headers: dict[str, str] | None = None, body: str = "") -> dict[str, Any]:
    event = {
        "version": "2.0",
        "routeKey": "ANY /v1/{proxy+}",
        "rawPath": path.partition("?")[0],
        "rawQueryString": path.partition("?")[2],
        "headers": {"host": "api.example", "x-forwarded-proto": "https", **(headers or {})},
        "requestContext": {
            "domainName": "api.example",
            "stage": "$default",
            "http": {
                "method": method,
                "path": path.partition("?")[0],
                "sourceIp": "203.0.113.7",
                "protocol": "HTTP/1.1",
            },
        },
        "body": body,
        "isBase64Encoded": False,
    }
    answer: dict[str, Any] = app.handler(event, None)
    return answer


def test_nobody_gets_in_without_a_token() -> None:
    for headers in ({}, {"authorization": "Basic eA=="}, {"authorization": "Bearer tk_acme_" + "0" * 32}):
        answer = call("GET", "/v1/tenants/acme/usage", headers=headers)
        problem = json.loads(answer["body"])
        assert (answer["statusCode"], problem["status"], problem["title"]) == (401, 401, "Not signed in")
        assert answer["headers"]["content-type"] == "application/problem+json"
        assert answer["headers"]["www-authenticate"] == "Bearer"


def test_who_asks_is_judged_before_what_is_asked() -> None:
    answer = call("GET", "/v1/tenants/acme/usage?from=yesterday&limit=-1")
    assert answer["statusCode"] == 401


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/v1/nothing", 404), ("DELETE", "/v1/openapi.json", 405), ("GET", "/v1/", 404)],
)
def test_what_the_framework_refuses_is_a_problem_too(method: str, path: str, status: int) -> None:
    answer = call(method, path)
    assert (answer["statusCode"], json.loads(answer["body"])["status"]) == (status, status)


def test_what_the_operator_must_mend_is_not_told_to_the_caller(here: _Here, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise Misconfigured("The table tk-secret-name is gone.")

    monkeypatch.setattr(here.gate, "identify", broken)
    answer = call("GET", "/v1/tenants/acme", headers={"authorization": "Bearer x"})
    assert answer["statusCode"] == 500
    assert "secret-name" not in answer["body"]


@pytest.mark.parametrize("error", [Unavailable("The table is busy.", retry_after=1.2), RuntimeError("secret-name")])
def test_an_error_that_nobody_foresaw_is_a_problem(
    here: _Here, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def broken(*_: object) -> None:
        raise error

    monkeypatch.setattr(here.gate, "identify", broken)
    answer = call("GET", "/v1/tenants/acme", headers={"authorization": "Bearer x"})
    assert answer["statusCode"] == (503 if isinstance(error, Unavailable) else 500)
    assert answer["headers"].get("retry-after") == ("2" if isinstance(error, Unavailable) else None)
    assert "secret-name" not in answer["body"]


def test_pages_are_closed_to_everything_but_our_own_style() -> None:
    answer = call("GET", "/dashboard/sign-in")
    policy = answer["headers"]["content-security-policy"]
    assert answer["statusCode"] == 200
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "script-src" not in policy
    assert "http" not in policy
    assert "style=" not in answer["body"]
    assert "<script" not in answer["body"]


def test_only_the_mini_app_may_be_framed_and_only_by_telegram() -> None:
    answer = call("GET", "/dashboard/app/acme")
    policy = answer["headers"]["content-security-policy"]
    assert "frame-ancestors https://web.telegram.org https://*.web.telegram.org 'self'" in policy
    assert "script-src 'self'" in policy
    assert answer["body"] == call("GET", "/dashboard/app/globex")["body"]


def test_a_form_from_elsewhere_is_refused() -> None:
    token = "token=tk_acme_" + "0" * 32
    for headers in ({"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}, {}):
        answer = call("POST", "/dashboard/sign-in", headers=headers, body=token)
        assert answer["statusCode"] == 403
    for headers in ({"sec-fetch-site": "same-origin"}, {"origin": "https://api.example"}):
        assert call("POST", "/dashboard/sign-in", headers=headers, body=token)["statusCode"] == 401


def test_signing_in_sets_a_cookie_that_no_script_and_no_other_site_gets(here: _Here) -> None:
    from manyclaw.access import Tokens

    secret, _ = Tokens(here.gateway, here.access).create("acme", ["usage:read"])
    answer = call("POST", "/dashboard/sign-in", headers={"sec-fetch-site": "same-origin"}, body=f"token={secret}")
    (cookie,) = answer["cookies"]
    assert (answer["statusCode"], answer["headers"]["location"]) == (303, "/dashboard/t/acme")
    assert cookie.startswith("__Host-manyclaw=")
    assert {"Path=/", "HttpOnly", "Secure", "SameSite=Lax"} <= set(cookie.split("; "))
    # and signing out needs the session's own form token
    headers = {"sec-fetch-site": "same-origin", "cookie": cookie.partition(";")[0]}
    event_headers = {**headers}
    assert call("POST", "/dashboard/sign-out", headers=event_headers, body="csrf=x")["statusCode"] == 401
    assert len([sk for sk in here.access.rows if sk.startswith("SESSION#")]) == 1


def test_a_page_that_fails_is_a_page() -> None:
    answer = call("GET", "/dashboard/nothing")
    assert answer["statusCode"] == 404
    assert answer["headers"]["content-type"].startswith("text/html")
    assert "To the dashboard" in answer["body"]


def test_the_document_speaks_of_every_error_as_a_problem() -> None:
    document = json.loads(call("GET", "/v1/openapi.json")["body"])
    assert document["openapi"].startswith("3.1")
    assert all(not path.startswith("/dashboard") for path in document["paths"])
    for path, operations in document["paths"].items():
        for operation in operations.values():
            assert "422" not in operation["responses"], path
            for status, response in operation["responses"].items():
                if status >= "400":
                    assert list(response["content"]) == ["application/problem+json"]


def test_an_event_without_a_request_warms_the_process_up() -> None:
    assert app.handler({}, None) == {"statusCode": 204}


def test_the_api_loads_no_library_of_the_agent() -> None:
    code = "import json, sys, functions.api.app; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not set(json.loads(done.stdout)) & {"anthropic", "httpx2", "lancedb", "pandas", "boto3", "numpy"}
