"""How much of each limit is used, reserved and left: what the API, the dashboard and ``tenants quota show`` tell."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from manyclaw.audit import entry
from manyclaw.aws import error_code, to_item
from manyclaw.billing.limits import Allowance, Limits
from manyclaw.billing.tenants import ROW
from manyclaw.billing.windows import Window, Windows, next_day, next_minute, read_items, window_keys, windows_of
from manyclaw.errors import NotFound
from manyclaw.tenancy import GatewayTable, TenantScope, utc_now


@dataclass(frozen=True)
class Quota:
    """One limit and where it stands.

    Attributes
    ----------
    name
        ``tokens_per_day``, ``cost_per_day_usd`` or ``requests_per_minute``; with ``user_`` before it for the limit that
        each end user has.
    limit
        None is no limit; ``used`` and ``reserved`` are told all the same.
    used, reserved
        Tokens, USD or requests; reserved by model calls that are under way.
    remaining
        ``limit - used - reserved``, never below zero; None without a limit.
    resets_at
        When ``used`` begins again at zero: the next UTC midnight, or the next minute.
    """

    name: str
    limit: int | Decimal | None
    used: int | Decimal
    reserved: int | Decimal
    remaining: int | Decimal | None
    resets_at: datetime


def read_limits(scope: TenantScope) -> Limits:
    """The limits in force, from the tenant's ``META``. Raises ``NotFound`` when there is no such tenant."""
    meta = scope.key("META")
    return _limits_of(scope, read_items(scope, [meta]).get(meta))


def _limits_of(scope: TenantScope, meta: dict[str, Any] | None) -> Limits:
    if meta is None:
        raise NotFound(f"There is no tenant {scope.tenant}.", hint="`manyclaw tenants list` shows those there are.")
    return Limits.of(meta.get("limits"))


def quota_status(scope: TenantScope, now: datetime, user: str = "") -> list[Quota]:
    """Each limit of the tenant as it stands at ``now``, in one request; always all three, limited or not.

    Parameters
    ----------
    user
        A Telegram user id as text: adds the three limits of one user (``user_…``) and that user's use.

    Raises
    ------
    NotFound
        There is no such tenant.
    """
    meta, keys = scope.key("META"), window_keys(scope, now, user)
    found = read_items(scope, [meta, *keys.values()])
    return quotas(_limits_of(scope, found.get(meta)), windows_of(keys, found), now, user=bool(user))


def quotas(limits: Limits, windows: Windows, now: datetime, *, user: bool = False) -> list[Quota]:
    """``limits`` beside ``windows``, the counters read at ``now``."""
    found = _quotas("", limits.tenant, windows.tenant, windows.minute, now)
    return found + (_quotas("user_", limits.user, windows.user, windows.user_minute, now) if user else [])


def _quotas(prefix: str, allowed: Allowance, day: Window, minute: Window, now: datetime) -> list[Quota]:
    tokens, usd = day.reserved(now)
    midnight = next_day(now.astimezone(UTC).date())
    return [
        _quota(f"{prefix}tokens_per_day", allowed.tokens_per_day, day.usage.tokens.total, tokens, midnight),
        _quota(f"{prefix}cost_per_day_usd", allowed.cost_per_day_usd, day.usage.cost_usd, usd, midnight),
        _quota(f"{prefix}requests_per_minute", allowed.requests_per_minute, minute.usage.requests, 0, next_minute(now)),
    ]


def _quota[Amount: (int, Decimal)](
    name: str, limit: Amount | None, used: Amount, reserved: Amount, resets_at: datetime
) -> Quota:
    remaining = None if limit is None else max(limit - used - reserved, limit * 0)
    return Quota(name, limit, used, reserved, remaining, resets_at)


def ordered_limits(table: GatewayTable, tenant: str) -> Limits:
    """The limits as the operator gave them, which are in force unless the last change was interrupted."""
    return Limits.of((table.get(ROW + tenant) or {}).get("limits"))


def set_limits(table: GatewayTable, scope: TenantScope, limits: Limits) -> None:
    """Put ``limits`` into force for every model call that begins from now on. Safe to repeat.

    Parameters
    ----------
    table
        With the operator's rights.

    Raises
    ------
    NotFound
        There is no such tenant, or its making was interrupted.
    """
    shown = [f"{name}={value}" for name, value in limits.as_map().items() if name != "warn_at"]
    told = entry(table.audit(scope.tenant), "quota.change", on="limits", limits=shown)
    values = {"tenant": scope.tenant, "limits": limits.as_map(), "updated_at": utc_now()}
    table.merge(ROW + scope.tenant, values, also=[told])
    copy_limits(scope, limits)


def copy_limits(scope: TenantScope, limits: Limits) -> None:
    """The copy in ``META``, which is what is in force."""
    from botocore.exceptions import ClientError

    try:
        scope.clients.dynamodb.update_item(
            TableName=scope.table,
            Key=scope.key("META").wire(),
            UpdateExpression="SET #limits = :limits",
            ConditionExpression="attribute_exists(sk)",
            ExpressionAttributeNames={"#limits": "limits"},
            ExpressionAttributeValues=to_item({":limits": limits.as_map()}),
        )
    except ClientError as error:
        if error_code(error) == "ConditionalCheckFailedException":
            raise NotFound(
                f"Tenant {scope.tenant} is not there, or its making was interrupted.",
                hint=f"Finish it with `manyclaw tenants create {scope.tenant}`.",
            ) from None
        raise
