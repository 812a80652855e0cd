"""The sealer's session reaches one log and nothing else."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase

import pytest

from manyclaw.audit import OPERATOR, owners_in
from manyclaw.audit.sealing_scope import sealer_policy
from manyclaw.settings import Settings
from manyclaw.tenancy.policy import MAX_POLICY_CHARACTERS


def _settings(stack: str) -> Settings:
    return Settings(
        stack=stack,
        region="ap-southeast-2",
        table=f"{stack}-data",
        bucket="",
        inbound_queue_url="",
        tenant_role_arn="",
        telegram_api_url="",
        anthropic_base_url="",
        audit_bucket=f"{stack}-audit-123456789012-ap-southeast-2",
        sealer_role_arn=f"arn:aws-us-gov:iam::123456789012:role/{stack}-sealer",
    )


@pytest.mark.parametrize("owner", ["acme", "a" * 32, OPERATOR])
def test_everything_in_the_policy_names_the_one_log(owner: str) -> None:
    policy = sealer_policy(_settings("manyclaw-production-eu"), owner)
    assert len(policy) <= MAX_POLICY_CHARACTERS
    table, bucket = json.loads(policy)["Statement"]
    keys = table["Condition"]["ForAllValues:StringEquals"]["dynamodb:LeadingKeys"]
    assert keys == [f"{owner}#INBOX", f"{owner}#AUDIT"]
    assert not {"dynamodb:Scan", "dynamodb:BatchGetItem", "s3:DeleteObject"} & {*table["Action"], *bucket["Action"]}
    root = bucket["Resource"].rpartition("/logs/")[0]
    assert fnmatchcase(f"{root}/logs/{owner}/000000000001.jsonl", bucket["Resource"])
    for other in (f"{owner}-eu", owner[:-1], "globex"):
        assert not fnmatchcase(f"{root}/logs/{other}/000000000001.jsonl", bucket["Resource"])


def test_a_streams_records_name_each_log_once() -> None:
    records = [{"dynamodb": {"Keys": {"pk": {"S": pk}}}} for pk in ("a#INBOX", "b#INBOX", "a#INBOX", "c#USAGE")]
    assert owners_in({"Records": records}) == ["a", "b"]
    assert owners_in({}) == []
