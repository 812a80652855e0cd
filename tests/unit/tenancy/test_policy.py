from __future__ import annotations

import json
from fnmatch import fnmatchcase

import pytest

from manyclaw.errors import BadInput, Misconfigured
from manyclaw.settings import Settings
from manyclaw.tenancy.ids import tenant_id
from manyclaw.tenancy.policy import MAX_POLICY_CHARACTERS, schedule_name, session_policy


def _settings(stack: str = "manyclaw") -> Settings:
    return Settings(
        stack=stack,
        region="ap-southeast-2",
        table=f"{stack}-data",
        bucket=f"{stack}-data-123456789012-ap-southeast-2",
        inbound_queue_url="",
        tenant_role_arn=f"arn:aws-us-gov:iam::123456789012:role/{stack}-tenant",
        telegram_api_url="",
        anthropic_base_url="",
    )


@pytest.mark.parametrize("value", ["a", "0", "customer-acme", "a" * 32, "a--b", "a-"])
def test_ids_that_are_taken(value: str) -> None:
    assert tenant_id(value) == value


@pytest.mark.parametrize(
    "value",
    ["", "A", "-a", "a" * 33, "a/b", "a/../b", "a#b", "a*", "a?", "a b", "a\n", "ä", "а", "a$", "${x}", None, 5, b"a"],
)
def test_ids_that_would_escape_are_refused(value: object) -> None:
    with pytest.raises(BadInput, match="is not a tenant id"):
        tenant_id(value)


def test_the_policy_of_the_longest_names_fits_sts() -> None:
    policy = session_policy(_settings("manyclaw-production-eu"), tenant_id("a" * 32))
    assert len(policy) <= MAX_POLICY_CHARACTERS
    with pytest.raises(Misconfigured, match="shorter stack name"):
        session_policy(_settings("m" * 250), tenant_id("a" * 32))


def test_everything_in_the_policy_names_the_one_tenant_and_nothing_scans() -> None:
    statements = json.loads(session_policy(_settings(), tenant_id("acme")))["Statement"]
    pass_role = [each for each in statements if each["Action"] == "iam:PassRole"]
    assert [each["Resource"] for each in pass_role] == ["arn:aws-us-gov:iam::123456789012:role/manyclaw-scheduler"]
    for statement in (each for each in statements if each not in pass_role):
        where = json.dumps([statement["Resource"], statement.get("Condition")])
        assert "tenants/acme/" in where or '["acme", "acme#*"]' in where or "/acme.*" in where
        assert not {"dynamodb:Scan", "dynamodb:PartiQLSelect"} & set(statement["Action"])
        assert not any("*" in action for action in statement["Action"])


def test_a_schedule_of_a_tenant_whose_id_begins_alike_is_not_matched() -> None:
    statements = json.loads(session_policy(_settings(), tenant_id("a")))["Statement"]
    (pattern,) = [each["Resource"] for each in statements if "scheduler:GetSchedule" in each["Action"]]
    group = pattern.rpartition("/")[0]
    assert fnmatchcase(f"{group}/{schedule_name(tenant_id('a'), 'digest')}", pattern)
    for other in ("a-b", "ab", "b", "a-", "a--a"):
        assert not fnmatchcase(f"{group}/{schedule_name(tenant_id(other), 'digest')}", pattern)
