"""What `manyclaw doctor` makes of roles, tokens and failures, without a deployment."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from cli.checks.finding import Finding, at_least, run_check
from cli.checks.policies import Right, read_template, refusals_gone, rights_of
from cli.checks.roles import compare, compare_trust
from cli.checks.tenants import TenantChecks
from manyclaw.access import Scope, Token
from manyclaw.errors import Misconfigured
from manyclaw.tenancy import TenantId

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def _statement(action: Any, effect: str = "Allow", resource: Any = "arn:x", **more: Any) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [{"Effect": effect, "Action": action, "Resource": resource, **more}]}


NAMES = {
    "AWS::AccountId": "123456789012",
    "AWS::Region": "eu-central-1",
    "AWS::StackName": "mc",
    "AWS::Partition": "aws",
}


def _resolved(right: Right) -> Right:
    """A right of the template as a deployment could have it."""

    def text(value: str) -> str:
        for name, known in NAMES.items():
            value = value.replace(f"${{{name}}}", known)
        return re.sub(r"\$\{([^}]+)\}", lambda found: f"arn:aws:x:::{found[1]}", value)

    conditions = tuple((one, key, tuple(text(value) for value in values)) for one, key, values in right.conditions)
    return replace(right, resource=text(right.resource), who=text(right.who), conditions=conditions)


def _only(deployed: Any, expected: Any) -> Finding:
    (found,) = compare("role", rights_of([deployed]), rights_of([expected]), NAMES)
    return found


def test_the_template_is_read_with_every_role_of_it() -> None:
    template = read_template()
    rights = template.rights
    assert {"WebhookRole", "AgentRole", "TenantRole", "OperatorPolicy", "AuditorPolicy", "AuditBucketPolicy"} <= set(
        rights
    )
    assert Right("Allow", "sqs:SendMessage", "${InboundQueue.Arn}") in rights["WebhookRole"]
    assert any(right.effect == "Deny" for right in rights["TenantRole"])
    assert any(right.action == "bedrock:InvokeModel" for right in rights["MemoryRole"])
    assert template.trust["SealerRole"] == {Right("Allow", "sts:AssumeRole", "", (), "AWS ${AuditRole.Arn}")}
    assert template.outputs["TableName"] == "Table"


@pytest.mark.parametrize("name", sorted(read_template().rights))
def test_the_template_as_it_is_deployed_is_no_finding(name: str) -> None:
    template = read_template()
    deployed = {_resolved(right) for right in template.rights[name]}
    assert list(compare(name, deployed, template.rights[name], NAMES)) == []
    trust = template.trust.get(name, set())
    assert list(compare_trust(name, {_resolved(right) for right in trust}, trust, NAMES)) == []


@pytest.mark.parametrize(
    ("deployed", "severity", "said"),
    [
        (_statement("s3:DeleteBucket"), "high", "s3:DeleteBucket"),
        (_statement("dynamodb:*"), "critical", "dynamodb:*"),
        (_statement("s3:GetObject", resource="*"), "critical", "on every resource"),
        (_statement(["s3:GetObject", "s3:ListBucket"]), "high", "s3:ListBucket"),
        ({"Statement": {"Effect": "Allow", "NotAction": "iam:*", "Resource": "arn:x"}}, "critical", "but iam:*"),
        ({"Statement": {"Effect": "Allow", "Action": "s3:GetObject", "NotResource": "arn:y"}}, "critical", "but arn:y"),
    ],
)
def test_a_right_beyond_the_template_is_found(deployed: dict[str, Any], severity: str, said: str) -> None:
    found = _only(deployed, _statement("s3:GetObject"))
    assert (found.severity, said in found.what) == (severity, True)


@pytest.mark.parametrize(
    ("deployed", "expected"),
    [
        ("arn:aws:dynamodb:eu-central-1:1:table/*", "${Table.Arn}"),
        ("arn:aws:dynamodb:eu-central-1:1:table/other", "${Table.Arn}"),
        ("arn:aws:s3:::mc-data/*", "arn:${AWS::Partition}:s3:::${Bucket}/config.yaml"),
        ("arn:aws:s3:::*/config.yaml", "arn:${AWS::Partition}:s3:::${Bucket}/config.yaml"),
        ("arn:aws:ssm:eu-central-1:1:parameter/*", "arn:aws:ssm:eu-central-1:1:parameter/${AWS::StackName}/tenants/*"),
        (
            "arn:aws:ssm:eu-central-1:1:parameter/x/tenants/*",
            "arn:aws:ssm:eu-central-1:1:parameter/${AWS::StackName}/tenants/*",
        ),
    ],
)
def test_a_resource_that_was_widened_is_found(deployed: str, expected: str) -> None:
    wide, narrow = _statement("x:Get", resource=deployed), _statement("x:Get", resource=expected)
    (found,) = compare("role", rights_of([wide]), rights_of([narrow]), {**NAMES, "Table": "mc-data"})
    assert deployed in found.what
    good = "arn:aws:dynamodb:eu-central-1:1:table/mc-data"
    assert not list(
        compare(
            "r",
            rights_of([_statement("x:Get", resource=good)]),
            rights_of([_statement("x:Get", resource="${Table.Arn}")]),
            {"Table": "mc-data"},
        )
    )


def _keys(*keys: str, operator: str = "ForAllValues:StringEquals") -> dict[str, Any]:
    return _statement("dynamodb:GetItem", Condition={operator: {"dynamodb:LeadingKeys": list(keys)}})


@pytest.mark.parametrize(
    "deployed",
    [
        _statement("dynamodb:GetItem"),
        _keys("*"),
        _keys("GATEWAY", "ACCESS"),
        _keys("GATEWAY", operator="ForAllValues:StringLike"),
        _statement("dynamodb:GetItem", Condition={"ForAllValues:StringEquals": {"aws:PrincipalTag/x": "GATEWAY"}}),
    ],
)
def test_a_condition_that_was_taken_away_or_changed_is_found(deployed: dict[str, Any]) -> None:
    assert _only(deployed, _keys("GATEWAY")).severity == "high"


def test_a_refusal_that_was_taken_away_is_found() -> None:
    (found,) = compare("role", set(), rights_of([_statement("dynamodb:*", effect="Deny")]), {})
    assert (found.severity, "refusal" in found.what) == ("critical", True)
    fewer, all_ = (_statement("dynamodb:*", "Deny", Condition={"x": {"k": keys}}) for keys in (["A"], ["A", "B"]))
    (found,) = compare("role", rights_of([fewer]), rights_of([all_]), {})
    assert found.severity == "critical"


@pytest.mark.parametrize(
    "principal",
    [
        {"AWS": "arn:aws:iam::123456789012:user/ann"},
        {"AWS": "arn:aws:iam::999999999999:root"},
        {"AWS": "*"},
        "*",
        {"Federated": "accounts.google.com"},
        {"Service": "ec2.amazonaws.com"},
    ],
)
def test_anybody_else_who_may_become_a_role_is_found(principal: Any) -> None:
    def trust(who: Any) -> dict[str, Any]:
        return {"Statement": {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": who}}

    good = {"AWS": "arn:aws:iam::123456789012:root"}
    expected = rights_of([trust({"AWS": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"})])
    assert list(compare_trust("role", rights_of([trust(good)]), expected, NAMES)) == []
    (found,) = compare_trust("role", rights_of([trust(good), trust(principal)]), expected, NAMES)
    assert found.severity == "critical"


def test_a_refusal_that_the_audit_bucket_lacks_is_found() -> None:
    expected = read_template().rights["AuditBucketPolicy"]
    deployed = {_resolved(right) for right in expected}
    assert refusals_gone(deployed, expected, NAMES) == []
    for right in deployed:
        assert len(refusals_gone(deployed - {right}, expected, NAMES)) == 1
        nobody = replace(right, conditions=(("ArnNotLike", "aws:PrincipalArn", ("*",)),))
        assert len(refusals_gone((deployed - {right}) | {nobody}, expected, NAMES)) == 1


def test_policies_come_from_iam_in_three_forms() -> None:
    document = '{"Statement": {"Effect": "Allow", "Action": "a:B", "Resource": "*"}}'
    encoded = document.replace(" ", "%20").replace("{", "%7B")
    assert rights_of([document]) == rights_of([encoded]) == {Right("Allow", "a:B", "*")}


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


def test_the_exit_code_goes_by_the_worst_and_what_is_unknown_is_no_pass() -> None:
    found = [Finding("x", severity, "", "", "") for severity in ("note", "low", "medium")]
    assert at_least(found, "high") == []
    assert len(at_least(found, "medium")) == 1
    assert len(at_least(found, "low")) == 2
    assert len(at_least([Finding("x", "unknown", "", "", "")], "critical")) == 1
