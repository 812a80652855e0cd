"""``/v1/tenants/{tenant}/audit`` and ``/v1/operator/audit``: who did what."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from functions.api import audit
from functions.api.audit import AuditAnswer
from functions.api.responses import PROBLEMS
from functions.api.security import TenantPath, operator, visible
from manyclaw.access import Principal, Scope
from manyclaw.audit import OPERATOR, Filter

router = APIRouter(prefix="/v1", responses=PROBLEMS, tags=["Audit"])

Wanted = Annotated[Filter, Depends(audit.wanted)]
Limit = Annotated[int, Query(ge=1, le=500, description="Entries a page.")]
Cursor = Annotated[str, Query(max_length=12, description="The `next_cursor` of the page before.")]


@router.get("/tenants/{tenant}/audit", summary="A tenant's audit log")
def show_audit(
    tenant: TenantPath,
    who: Annotated[Principal, Depends(visible)],
    wanted: Wanted,
    limit: Limit = 100,
    cursor: Cursor = "",
) -> AuditAnswer:
    """Sealed entries, newest first. An operator's token reads the logs of deleted tenants too.

    A page may hold fewer entries than asked for, or none, and still have a `next_cursor`: filters look through the log.
    """
    who.need(Scope.AUDIT_READ)
    return audit.answer(tenant, audit.log_for(who.tenant, tenant), wanted, limit, cursor)


@router.get("/operator/audit", summary="The operator's own audit log", dependencies=[Depends(operator)])
def show_operator_audit(wanted: Wanted, limit: Limit = 100, cursor: Cursor = "") -> AuditAnswer:
    """What belongs to no tenant: the gateway's configuration, prices, operators' tokens, their sign-ins."""
    return audit.answer(OPERATOR, audit.operator_log(), wanted, limit, cursor)
