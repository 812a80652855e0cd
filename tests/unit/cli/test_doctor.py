"""What `manyclaw doctor` makes of roles, tokens and failures, without a deployment."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from cli.checks.finding import Finding, at_least, run_check
from cli.checks.roles import compare, rights_of, template_rights
from cli.checks.tenants import TenantChecks
from manyclaw.access import Scope, Token
from manyclaw.errors import Misconfigured
from manyclaw.tenancy import TenantId

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def _statement(action: Any, effect: str = "Allow", resource: Any = "arn:x", **more: Any) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [{"Effect": effect, "Action": action, "Resource": resource, **more}]}


def test_the_template_is_read_with_every_role_of_it() -> None:
    rights = template_rights()
    assert {"WebhookRole", "AgentRole", "TenantRole", "OperatorPolicy", "AuditorPolicy"} <= set(rights)
    assert ("Allow", "sqs:SendMessage", False, ()) in rights["WebhookRole"]
    assert ("Allow", "dynamodb:GetItem", False, ("ForAllValues:StringEquals",)) in rights["WebhookRole"]
    assert any(effect == "Deny" for effect, *_ in rights["TenantRole"])
    assert ("Allow", "bedrock:InvokeModel", False, ()) in rights["MemoryRole"]
    assert list(compare("r", rights["TenantRole"], rights["TenantRole"])) == []


@pytest.mark.parametrize(
    ("deployed", "severity", "said"),
    [
        (_statement("s3:DeleteBucket"), "high", "s3:DeleteBucket"),
        (_statement("dynamodb:*"), "critical", "dynamodb:*"),
        (_statement("s3:GetObject", resource="*"), "critical", "on every resource"),
        (_statement(["s3:GetObject", "s3:ListBucket"]), "high", "s3:ListBucket"),
    ],
)
def test_a_right_beyond_the_template_is_found(deployed: dict[str, Any], severity: str, said: str) -> None:
    (found,) = compare("role", rights_of([deployed]), rights_of([_statement("s3:GetObject")]))
    assert (found.severity, said in found.what) == (severity, True)


def test_a_condition_that_was_taken_away_is_found() -> None:
    bound = _statement(
        "dynamodb:GetItem", Condition={"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["GATEWAY"]}}
    )
    (found,) = compare("role", rights_of([_statement("dynamodb:GetItem")]), rights_of([bound]))
    assert found.severity == "high"


def test_a_refusal_that_was_taken_away_is_found() -> None:
    (found,) = compare("role", set(), rights_of([_statement("dynamodb:*", effect="Deny")]))
    assert (found.severity, "refusal" in found.what) == ("critical", True)


def test_policies_come_from_iam_in_three_forms() -> None:
    document = '{"Statement": {"Effect": "Allow", "Action": "a:B", "Resource": "*"}}'
    encoded = document.replace(" ", "%20").replace("{", "%7B")
    assert rights_of([document]) == rights_of([encoded]) == {("Allow", "a:B", True, ())}


def _token(
    created: str, used: str = "", expires: int | None = 1, scopes: tuple[Scope, ...] = (Scope.USAGE_READ,)
) -> Token:
    return Token("0123456789ab", TenantId("acme"), scopes, "", created, expires, used)


@pytest.mark.parametrize(
    ("token", "said"),
    [
        (_token("2026-11-01T00:00:00Z"), []),
        (_token("2026-06-01T00:00:00Z"), ["was never used"]),
        (_token("2026-06-01T00:00:00Z", "2026-11-21T00:00:00Z"), []),
        (_token("2026-06-01T00:00:00Z", "2026-07-01T00:00:00Z"), ["was last used 2026-07-01"]),
        (_token("2025-06-01T00:00:00Z", "2026-11-21T00:00:00Z"), ["older than 365 days"]),
        (_token("2026-11-01T00:00:00Z", expires=None), []),
        (_token("2026-11-01T00:00:00Z", expires=None, scopes=(Scope.CONFIG_WRITE,)), ["never expires"]),
    ],
)
def test_old_and_unused_tokens_are_found(token: Token, said: list[str]) -> None:
    operator = cast("Any", SimpleNamespace(tokens=SimpleNamespace(of=lambda tenant: [token])))
    found = list(TenantChecks(operator, NOW).tokens("acme"))
    assert [any(text in each.what for each in found) for text in said] == [True] * len(said)
    assert len(found) == len(said)
    assert all(each.mend.startswith("manyclaw tokens") for each in found)


def test_too_many_operator_tokens_without_end_are_found() -> None:
    tokens = [_token("2026-11-01T00:00:00Z", expires=None)] * 6
    operator = cast("Any", SimpleNamespace(tokens=SimpleNamespace(of=lambda tenant: tokens)))
    found = list(TenantChecks(operator, NOW).operator_tokens())
    assert [each.severity for each in found] == ["medium"] * 7


def test_what_cannot_be_read_is_said_and_ends_nothing() -> None:
    def refused() -> Any:
        yield Finding("x", "low", "seen first", "w", "m")
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "secret words"}}, "GetRole")

    def ours() -> Any:
        raise Misconfigured("There is no config.yaml.", hint="Store one.")

    first, then = run_check("x", "w", refused)
    assert (first.severity, then.severity) == ("low", "unknown")
    assert "AccessDenied" in then.what
    assert "secret words" not in then.what
    (only,) = run_check("y", "w", ours)
    assert (only.severity, only.mend) == ("unknown", "Store one.")
    with pytest.raises(ZeroDivisionError):
        list(run_check("z", "w", lambda: [Finding("z", "low", str(1 // 0), "", "")]))


def test_the_exit_code_goes_by_the_worst() -> None:
    found = [Finding("x", severity, "", "", "") for severity in ("unknown", "note", "low", "medium")]
    assert at_least(found, "high") == []
    assert len(at_least(found, "medium")) == 1
    assert len(at_least(found, "low")) == 2
