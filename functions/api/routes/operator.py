"""``/v1/operator``: all tenants, for an operator's token."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Depends, Query

from functions.api.period import Period, decode_cursor, encode_cursor, period
from functions.api.responses import PROBLEMS
from functions.api.runtime import runtime
from functions.api.schemas import CURRENCY, Amounts, OperatorUsage, TenantList, TenantRow, TenantUsage, amounts
from functions.api.security import operator
from manyclaw.billing import Usage, usage_report
from manyclaw.errors import BadInput
from manyclaw.tenancy import Tenant, TenantPage

router = APIRouter(prefix="/v1/operator", tags=["Operator"], dependencies=[Depends(operator)], responses=PROBLEMS)

_AT_ONCE = 8
Cursor = Annotated[str, Query(max_length=400, description="The `next_cursor` of the page before.")]


def tenants_page(limit: int, cursor: str) -> TenantPage:
    """A page of the registry. Raises ``BadInput`` for a cursor that is none."""
    try:
        return runtime().registry.page(limit, decode_cursor(cursor) if cursor else "")
    except BadInput:
        raise BadInput("That is not a cursor.", hint="Give the next_cursor of the page before, or none.") from None


def usage_of(tenants: list[Tenant], when: Period) -> list[Usage]:
    """What each used, in the same order; each is read in its own session, some of them at a time."""

    def total(tenant: Tenant) -> Usage:
        return usage_report(runtime().scope(tenant.tenant), when.first, when.last, "day").total

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(total, tenants))


@router.get("/tenants", summary="All tenants")
def list_tenants(limit: Annotated[int, Query(ge=1, le=1000)] = 100, cursor: Cursor = "") -> TenantList:
    """The tenants in the order of their ids."""
    page = tenants_page(limit, cursor)
    rows = [TenantRow.model_validate(asdict(each)) for each in page.tenants]
    return TenantList(tenants=rows, next_cursor=encode_cursor(page.cursor) if page.cursor else None)


@router.get("/usage", summary="Usage of all tenants", response_model_by_alias=True)
def list_usage(
    when: Annotated[Period, Depends(period)],
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
    cursor: Cursor = "",
) -> OperatorUsage:
    """What each tenant used and what it cost, in the order of their ids."""
    page = tenants_page(limit, cursor)
    used = usage_of(page.tenants, when)
    rows = [
        TenantUsage.model_validate({"tenant": tenant.tenant, "display_name": tenant.display_name, **amounts(each)})
        for tenant, each in zip(page.tenants, used, strict=True)
    ]
    return OperatorUsage.model_validate(
        {
            "from": when.first,
            "to": when.last,
            "currency": CURRENCY,
            "totals": Amounts.model_validate(amounts(sum(used, Usage()))),
            "tenants": rows,
            "next_cursor": encode_cursor(page.cursor) if page.cursor else None,
        }
    )
