"""Who is billed: every tenant of the registry, and those that were deleted and still owe for what they used."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from manyclaw.audit import entry
from manyclaw.errors import BadInput
from manyclaw.tenancy import GatewayTable, TenantScope, utc_now

ROW = "BILLING#"
"""A tenant's row in the operator's partition: limits, markups, deleted_at."""

_MARKUP = "markup#"
_HUNDRED = Decimal(100)


def billed_tenants(table: GatewayTable) -> list[str]:
    """The ids of all tenants that may have used anything, deleted ones included, in order."""
    listed = (row["sk"].partition("#")[2] for prefix in ("TENANT#", ROW) for row in table.all(prefix))
    return sorted(set(listed))


class Markups:
    """What a tenant pays on top of cost, in percent, from a day (UTC) on. Apart from cost, which is never changed."""

    def __init__(self, percents: dict[date, Decimal] | None = None) -> None:
        self.percents = percents or {}

    def on(self, day: date) -> Decimal:
        """The percent in force on ``day``; 0 before the first."""
        begun = [first for first in self.percents if first <= day]
        return self.percents[max(begun)] if begun else Decimal(0)

    def charge(self, day: date, cost_usd: Decimal) -> Decimal:
        """What is charged for ``cost_usd`` of ``day``, in USD, exact."""
        return cost_usd * (_HUNDRED + self.on(day)) / _HUNDRED


def read_markups(table: GatewayTable, tenant: str) -> Markups:
    """A tenant's markups, from the operator's partition."""
    row = table.get(ROW + tenant) or {}
    return Markups(
        {
            date.fromisoformat(name.removeprefix(_MARKUP)): Decimal(percent)
            for name, percent in row.items()
            if name.startswith(_MARKUP)
        }
    )


def set_markup(table: GatewayTable, scope: TenantScope, percent: Decimal, first: date, today: date) -> None:
    """Charge ``percent`` on top of cost from ``first`` on.

    Raises
    ------
    BadInput
        ``first`` is past: what was charged stays. Or ``percent`` is no number from -100 on.
    """
    if first < today:
        raise BadInput(f"{first} is past; a markup begins today or later.", hint="What was charged stays charged.")
    if not percent.is_finite() or percent < -_HUNDRED:
        raise BadInput(f"{percent} is no markup.", hint="Give a percentage like 20, or -10 for a discount.")
    values = {"tenant": scope.tenant, _MARKUP + first.isoformat(): percent, "updated_at": utc_now()}
    told = entry(
        table.audit(scope.tenant), "markup.change", on=f"tenant:{scope.tenant}", percent=str(percent), first=str(first)
    )
    table.merge(ROW + scope.tenant, values, also=[told])
