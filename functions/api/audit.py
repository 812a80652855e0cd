"""Audit logs as the API and the dashboard show them."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query
from pydantic import BaseModel, Field

from functions.api.problems import no_such_tenant
from functions.api.runtime import runtime
from manyclaw.audit import Filter, Inbox, page, read_head
from manyclaw.errors import BadInput
from manyclaw.tenancy import tenant_id


class AuditAnswer(BaseModel):
    """A page of a log, newest first."""

    log: str = Field(description="The tenant's id, or GATEWAY for the operator's own.")
    entries: list[dict[str, Any]] = Field(description="As they were sealed; docs/audit.md names the fields.")
    next_cursor: str | None


def wanted(
    action: Annotated[str, Query(max_length=40, description="An action, or a prefix with its dot: `token.`")] = "",
    actor: Annotated[str, Query(max_length=256, description="A kind, such as `operator`, or an id.")] = "",
    outcome: Annotated[str, Query(max_length=10, description="ok, begun, failed, refused or unknown.")] = "",
    from_: Annotated[
        str, Query(alias="from", pattern=r"^(\d{4}-\d{2}-\d{2}.{0,14})?$", description="First day or time, UTC.")
    ] = "",
    to: Annotated[str, Query(pattern=r"^(\d{4}-\d{2}-\d{2}.{0,14})?$", description="Last day or time, UTC.")] = "",
) -> Filter:
    """Which entries a request asks for."""
    return Filter(action, actor, outcome, from_, to)


def log_for(own: str | None, tenant: str) -> Inbox:
    """A tenant's log, for the tenant itself or an operator (``own`` None). Raises ``NotFound``.

    The log outlives its tenant, so the registry is not asked: a log without an entry is one of nobody.
    """
    try:
        log = runtime().scope(tenant_id(tenant)).audit
    except BadInput:
        raise no_such_tenant(tenant) from None
    if own is None and read_head(log).seq == 0:
        runtime_row(tenant)
    return log


def runtime_row(tenant: str) -> None:
    """Raises ``NotFound`` for a tenant that is not there."""
    from functions.api.security import tenant_row

    tenant_row(tenant)


def operator_log() -> Inbox:
    """The operator's own."""
    return runtime().gateway_table.audit()


def answer(name: str, log: Inbox, wanted: Filter, limit: int, cursor: str) -> AuditAnswer:
    """A page. Raises ``BadInput`` for a cursor that is none."""
    found = page(log, wanted, limit, cursor)
    return AuditAnswer(log=name, entries=found.entries, next_cursor=found.cursor or None)
