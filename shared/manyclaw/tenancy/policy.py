"""The inline session policy: literal ARNs and leading keys for exactly one tenant."""

from __future__ import annotations

import json

from manyclaw.aws import role_parts
from manyclaw.errors import Misconfigured
from manyclaw.settings import Settings
from manyclaw.tenancy.ids import TenantId

MAX_POLICY_CHARACTERS = 2048
"""STS's limit for inline session policies, in plain-text characters."""

TABLE_ACTIONS = ("BatchGetItem", "ConditionCheckItem", "DeleteItem", "GetItem", "PutItem", "Query", "UpdateItem")
"""Item calls and Query only. ``ForAllValues`` holds when a request has no leading key, so Scan and PartiQL, which
have none, must never stand beside it."""


def session_policy(settings: Settings, tenant: TenantId) -> str:
    """The policy of one tenant's session, as compact JSON.

    Raises
    ------
    Misconfigured
        It is longer than STS takes (very long resource names).
    """
    partition, account = role_parts(settings.tenant_role_arn)
    bucket = f"arn:{partition}:s3:::{settings.bucket}"
    prefix = f"tenants/{tenant}/"
    home = f"arn:{partition}:{{}}:{settings.region}:{account}"
    secrets = f"{home.format('ssm')}:parameter/{settings.stack}/{prefix}*"
    statements = [
        {
            "Effect": "Allow",
            "Action": [f"dynamodb:{action}" for action in TABLE_ACTIONS],
            "Resource": f"{home.format('dynamodb')}:table/{settings.table}",
            "Condition": {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": [tenant, f"{tenant}#*"]}},
        },
        {
            "Effect": "Allow",
            "Action": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:DeleteObjectVersion"],
            "Resource": f"{bucket}/{prefix}*",
        },
        {
            "Effect": "Allow",
            "Action": ["s3:ListBucket", "s3:ListBucketVersions"],
            "Resource": bucket,
            "Condition": {"StringLike": {"s3:prefix": f"{prefix}*"}},
        },
        {
            "Effect": "Allow",
            "Action": ["ssm:GetParameter", "ssm:PutParameter", "ssm:DeleteParameter"],
            "Resource": secrets,
        },
        {
            "Effect": "Allow",
            "Action": [f"scheduler:{verb}Schedule" for verb in ("Create", "Update", "Delete", "Get")],
            "Resource": f"{home.format('scheduler')}:schedule/{settings.stack}/{schedule_name(tenant, '*')}",
        },
        {
            "Effect": "Allow",
            "Action": "iam:PassRole",
            "Resource": f"arn:{partition}:iam::{account}:role/{settings.stack}-scheduler",
        },
        {
            "Effect": "Allow",
            "Action": ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"],
            "Resource": "*",
            "Condition": {"StringLike": {"kms:EncryptionContext:PARAMETER_ARN": secrets}},
        },
    ]
    policy = json.dumps({"Version": "2012-10-17", "Statement": statements}, separators=(",", ":"))
    if len(policy) > MAX_POLICY_CHARACTERS:
        raise Misconfigured(
            f"The session policy of tenant {tenant} has {len(policy)} characters; STS takes {MAX_POLICY_CHARACTERS}.",
            hint="Deploy with a shorter stack name.",
        )
    return policy


def schedule_name(tenant: TenantId, job: str) -> str:
    """A schedule's name in the deployment's group: ``{tenant}.{job}``, at most 64 characters.

    The dot, which no tenant id can hold, parts the two: ``acme.*`` never matches a schedule of ``acme-eu``.
    """
    return f"{tenant}.{job}"
