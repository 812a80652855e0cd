"""What the environment tells a function. The only module that reads it, on first use and never at import."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache

from manyclaw.errors import Misconfigured

REAL_TELEGRAM = "https://api.telegram.org"
REAL_ANTHROPIC = "https://api.anthropic.com"


@dataclass(frozen=True)
class Settings:
    """The names of the deployment's resources and the addresses of the two services outside it.

    Attributes
    ----------
    stack
        CloudFormation stack name; the first part of every SSM path and of every schedule's name.
    table, bucket
        The one DynamoDB table and the one S3 data bucket.
    inbound_queue_url
        ``inbound.fifo``; empty in a process that neither sends to it nor reads from it.
    tenant_role_arn
        The role that a :class:`~manyclaw.tenancy.TenantScope` assumes.
    telegram_api_url, anthropic_base_url
        Without a trailing slash.
    skills_function
        The function that runs tenants' own code; empty in a process that calls no tool of a skill.
    memory_queue_url, memory_function
        ``memory.fifo`` and the function that owns LanceDB; empty in a process that remembers nothing.
    audit_bucket, sealer_role_arn
        Where audit logs are locked away, and the role that only the sealer assumes; empty where neither is needed.
    """

    stack: str
    region: str
    table: str
    bucket: str
    inbound_queue_url: str
    tenant_role_arn: str
    telegram_api_url: str
    anthropic_base_url: str
    skills_function: str = ""
    memory_queue_url: str = ""
    memory_function: str = ""
    audit_bucket: str = ""
    sealer_role_arn: str = ""


def _required(name: str) -> str:
    value = os.environ.get(name, "")
    if not value:
        raise Misconfigured(
            f"The environment variable {name} is not set.", hint="template.yaml sets it for every function."
        )
    return value


@cache
def settings() -> Settings:
    """The settings of this process, read once."""
    return Settings(
        stack=_required("MANYCLAW_STACK"),
        region=os.environ.get("AWS_REGION", "us-east-1"),
        table=_required("MANYCLAW_TABLE"),
        bucket=os.environ.get("MANYCLAW_BUCKET", ""),
        inbound_queue_url=os.environ.get("MANYCLAW_INBOUND_QUEUE_URL", ""),
        tenant_role_arn=os.environ.get("MANYCLAW_TENANT_ROLE_ARN", ""),
        telegram_api_url=os.environ.get("TELEGRAM_API_URL", REAL_TELEGRAM).rstrip("/"),
        anthropic_base_url=os.environ.get("ANTHROPIC_BASE_URL", REAL_ANTHROPIC).rstrip("/"),
        skills_function=os.environ.get("MANYCLAW_SKILLS_FUNCTION", ""),
        memory_queue_url=os.environ.get("MANYCLAW_MEMORY_QUEUE_URL", ""),
        memory_function=os.environ.get("MANYCLAW_MEMORY_FUNCTION", ""),
        audit_bucket=os.environ.get("MANYCLAW_AUDIT_BUCKET", ""),
        sealer_role_arn=os.environ.get("MANYCLAW_SEALER_ROLE_ARN", ""),
    )


@dataclass(frozen=True, repr=False)
class RuntimeCredentials:
    """The execution role's credentials, as Lambda hands them over; named as botocore's signer wants them."""

    access_key: str
    secret_key: str
    token: str | None


def runtime_credentials() -> RuntimeCredentials:
    """Read at each use. A function with SnapStart has none of these variables: there botocore asks the runtime."""
    return RuntimeCredentials(
        _required("AWS_ACCESS_KEY_ID"),
        _required("AWS_SECRET_ACCESS_KEY"),
        os.environ.get("AWS_SESSION_TOKEN") or None,
    )


def restored_from_snapshot() -> bool:
    """Whether this process's environments are restored from a snapshot that SnapStart takes after init."""
    return os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start"


def embedded() -> bool:
    """Whether this function runs in the embedded stack, where AWS is at an address of the machine itself."""
    return bool(os.environ.get("AWS_ENDPOINT_URL"))


def aws_endpoint(service: str, region: str) -> str:
    """Where a service listens: ``AWS_ENDPOINT_URL`` if set (the embedded stack), the public endpoint otherwise."""
    return os.environ.get("AWS_ENDPOINT_URL", "").rstrip("/") or f"https://{service}.{region}.amazonaws.com"
