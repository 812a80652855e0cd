"""A tenant's secrets: SSM SecureStrings under its own path, touched only through its scope."""

from __future__ import annotations

from manyclaw.aws import error_code
from manyclaw.tenancy.scope import TenantScope

TELEGRAM_TOKEN = "telegram/token"  # noqa: S105
TELEGRAM_WEBHOOK_SECRET = "telegram/webhook-secret"  # noqa: S105

SECRETS = (TELEGRAM_TOKEN, TELEGRAM_WEBHOOK_SECRET)
"""Every secret that a tenant can have: a session may not list paths, so a deletion goes through these."""


def get_secret(scope: TenantScope, name: str) -> str | None:
    """The secret's value, or None when there is none."""
    from botocore.exceptions import ClientError

    try:
        answer = scope.clients.ssm.get_parameter(Name=scope.parameter(name), WithDecryption=True)
    except ClientError as error:
        if error_code(error) == "ParameterNotFound":
            return None
        raise
    return str(answer["Parameter"]["Value"])


def put_secret(scope: TenantScope, name: str, value: str) -> None:
    """Store ``value``, over what was there."""
    scope.clients.ssm.put_parameter(Name=scope.parameter(name), Value=value, Type="SecureString", Overwrite=True)


def delete_secret(scope: TenantScope, name: str) -> bool:
    """Remove a secret with its history; False when there was none."""
    from botocore.exceptions import ClientError

    try:
        scope.clients.ssm.delete_parameter(Name=scope.parameter(name))
    except ClientError as error:
        if error_code(error) == "ParameterNotFound":
            return False
        raise
    return True
