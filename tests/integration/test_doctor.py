"""`manyclaw doctor --security` on the running stack: something is broken, it is reported with what mends it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cli.checks.deployment import Deployment
from cli.checks.finding import Finding, run_check
from cli.checks.roles import Roles
from cli.checks.tenants import TenantChecks
from cli.context import Operator
from manyclaw.aws import Clients, Credentials
from manyclaw.mcp import store_token
from tests.integration.test_cli import Cli, cli
from tests.integration.world import World

__all__ = ["cli"]

pytestmark = pytest.mark.integration


@pytest.fixture
def root(world: World) -> Clients:
    """Somebody with all rights in the account."""
    return Clients(world.stack["region"], Credentials("test", "test"), world.stack["aws_endpoint"])


@pytest.fixture
def deployment(world: World) -> Deployment:
    """The checks, with the operator's own rights, as if the stack were a deployed one."""
    return Deployment(Operator(replace(world.operator.stage, name="staging")))


def _found(checks: dict[str, Any], *names: str) -> list[Finding]:
    chosen = {name: each for name, each in checks.items() if not names or name in names}
    return [found for name, (where, check) in chosen.items() for found in run_check(name, where, check)]


def test_nothing_is_unknown_to_an_operator_and_nothing_critical_is_open(world: World, cli: Cli) -> None:
    acme = world.customer()
    asked = ("doctor", "--security", "--tenant", acme.id, "--fail-on", "medium", "--json")
    report = json.loads(cli(*asked, exit_code=8).stdout)
    found = report["findings"]
    assert report["checks"] > 15
    assert not [each for each in found if each["severity"] in ("critical", "high", "unknown")], found
    mine = {(each["check"], each["severity"]) for each in found if each["where"] == f"tenant {acme.id}"}
    assert {("limits", "medium"), ("overlay", "low")} <= mine
    # And without --security it tells that all is well
    assert "0 findings" in cli("doctor").stdout


def test_a_bucket_that_was_opened_is_found(world: World, root: Clients, deployment: Deployment) -> None:
    bucket = world.operator.stage.settings.bucket
    before = root.s3.get_bucket_policy(Bucket=bucket)["Policy"]
    public = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
    blocked = root.s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    root.s3.delete_public_access_block(Bucket=bucket)
    root.s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [public]}))
    try:
        found = _found(deployment.checks(), f"bucket {bucket}")
    finally:
        root.s3.put_bucket_policy(Bucket=bucket, Policy=before)
        root.s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=blocked)
    assert sorted((each.check, each.severity) for each in found) == [
        ("bucket-policy", "critical"),
        ("bucket-policy", "medium"),
        ("public-access", "critical"),
    ]
    assert _found(deployment.checks(), f"bucket {bucket}") == []


def test_a_role_that_got_more_rights_is_found(world: World, root: Clients) -> None:
    iam, operator = root.get("iam"), world.operator
    name = next(role["RoleName"] for role in iam.list_roles()["Roles"] if "WebhookRole" in role["RoleName"])
    more = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "dynamodb:Scan", "Resource": "*"}]}
    iam.put_role_policy(RoleName=name, PolicyName="by-hand", PolicyDocument=json.dumps(more))
    try:
        found = _found(Roles(operator).checks())
    finally:
        iam.delete_role_policy(RoleName=name, PolicyName="by-hand")
    assert [(each.severity, each.where) for each in found] == [("critical", name)]
    assert "dynamodb:Scan on every resource" in found[0].what
    assert _found(Roles(operator).checks()) == []


def test_the_table_the_logs_and_the_api_are_looked_at(world: World, root: Clients, deployment: Deployment) -> None:
    # Given what MiniStack leaves out of the template, and a log that is kept for ever
    table, logs = world.operator.stage.settings.table, root.get("logs")
    root.dynamodb.update_continuous_backups(
        TableName=table, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": False}
    )
    root.dynamodb.update_table(TableName=table, DeletionProtectionEnabled=False)
    group = "/aws/lambda/manyclaw-webhook"
    logs.delete_retention_policy(logGroupName=group)
    checks = deployment.checks()
    names = [name for name in checks if not name.startswith("bucket")]
    try:
        found = _found(checks, *names)
    finally:
        logs.put_retention_policy(logGroupName=group, retentionInDays=1)
    seen = sorted({(each.check, each.severity) for each in found})
    assert seen == [
        ("addresses", "high"),
        ("backups", "high"),
        ("deletion-protection", "high"),
        ("log-retention", "medium"),
        ("people", "note"),
        ("test-controls", "low"),
        ("throttling", "medium"),
    ]
    assert [each.where for each in found if each.check == "log-retention"] == [group]
    # And mended as the finding says, it is no longer found
    root.dynamodb.update_continuous_backups(
        TableName=table, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )
    assert _found(deployment.checks(), "backups") == []


def test_a_function_that_anybody_may_invoke_is_found(world: World, root: Clients, deployment: Deployment) -> None:
    client, name = root.get("lambda"), world.stack["outputs"]["AgentFunctionName"]
    client.add_permission(FunctionName=name, StatementId="open", Action="lambda:InvokeFunction", Principal="*")
    try:
        (found,) = _found(deployment.checks(), "functions")
    finally:
        client.remove_permission(FunctionName=name, StatementId="open")
    assert (found.severity, found.where) == ("high", name)
    assert found.mend.endswith("--statement-id open")
    assert _found(deployment.checks(), "functions") == []


def test_an_audit_bucket_without_its_lock_is_found(world: World, deployment: Deployment) -> None:
    bucket = world.operator.stage.settings.bucket  # which has none
    (found,) = run_check("audit-lock", bucket, lambda: deployment.audit_lock(bucket))
    assert (found.check, found.severity) == ("audit-lock", "critical")


def test_what_a_tenant_left_open_is_found(world: World) -> None:
    # Given a bot whose webhook somebody moved, a token that goes nowhere, and a secret of long ago
    acme = world.customer("mcp_servers: [{name: calendar, url: 'https://new.example.com/'}]\n")
    store_token(acme.scope, "calendar", "old.example.com", "t0ken")
    checks = TenantChecks(world.operator, datetime.now(UTC) + timedelta(days=200)).checks(acme.id)
    found = [f"{each.check} {each.severity} {each.what}" for each in _found(checks)]
    assert any("old.example.com" in each for each in found if each.startswith("mcp medium"))
    assert any("secret is older" in each for each in found if each.startswith("channel low"))
    world.request("POST", f"{world.stack['telegram_api_url']}/bot{acme.token}/deleteWebhook", {})
    (moved,) = _found(TenantChecks(world.operator).checks(acme.id), "channel")
    assert moved.severity == "high"
    assert moved.mend.startswith("manyclaw channels pair")


def test_without_the_auditors_rights_it_says_so(world: World, root: Clients) -> None:
    iam = root.get("iam")
    name, policy = "manyclaw-operator", world.stack["outputs"]["AuditorPolicyArn"]
    iam.detach_user_policy(UserName=name, PolicyArn=policy)
    try:
        found = _found(Deployment(world.operator).checks(), "backups", "deletion-protection")
    finally:
        iam.attach_user_policy(UserName=name, PolicyArn=policy)
    assert [each.severity for each in found] == ["unknown", "unknown"]
    assert "auditor policy" in found[0].mend
