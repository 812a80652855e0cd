"""``/v1/tenants/{tenant}``: what a tenant's own token reaches, and an operator's for every tenant."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request, Response

from functions.api import usage
from functions.api.period import Period, period
from functions.api.responses import OVERLAY_SCHEMA, PROBLEMS, problems
from functions.api.runtime import runtime
from functions.api.schemas import (
    CURRENCY,
    BotAnswer,
    ConfigState,
    QuotaAnswer,
    TenantAnswer,
    UsageAnswer,
)
from functions.api.security import AnythingOf, ConfigOf, UsageOf
from manyclaw.audit import record
from manyclaw.billing import GroupBy, usage_report
from manyclaw.errors import BadInput, Conflict, NeedsPrecondition, Stale
from manyclaw.telegram import load_pairing
from manyclaw.tenancy import (
    InvalidDocument,
    check_overlay,
    load_overlay,
    read_overlay,
    refuse_overlay,
    replace_overlay,
)

router = APIRouter(prefix="/v1/tenants/{tenant}", responses=PROBLEMS)

_YAML = "application/yaml"


async def _body(request: Request) -> bytes:
    return await request.body()


When = Annotated[Period, Depends(period)]
Grouping = Annotated[GroupBy, Query(description="What a row is.")]


@router.get("", tags=["Tenant"], summary="A tenant")
def show(tenant: AnythingOf) -> TenantAnswer:
    """What is in force for a tenant: its status, its bot, its model, and whether its configuration is good."""
    here = runtime()
    scope = here.scope(tenant.tenant)
    gateway = here.gateway_config
    loaded = load_overlay(scope, gateway, here.tools_of(scope))
    pairing = load_pairing(scope)
    return TenantAnswer.model_validate(
        {
            "tenant": tenant.tenant,
            "display_name": tenant.display_name,
            "status": tenant.status,
            "created_at": tenant.created_at,
            "updated_at": tenant.updated_at,
            "model": loaded.overlay.model_for(gateway),
            "language": loaded.overlay.language_for(gateway),
            "bot": BotAnswer(username=pairing.username, link=pairing.link) if pairing else None,
            "config": ConfigState(in_force=loaded.problem is None, problem=loaded.problem),
        }
    )


@router.get("/usage", tags=["Usage"], summary="Usage and cost", response_model=UsageAnswer)
def show_usage(
    tenant: UsageOf,
    when: When,
    group_by: Grouping = "day",
    limit: Annotated[int, Query(ge=1, le=1000, description="Rows a page.")] = 1000,
    cursor: Annotated[str, Query(max_length=400, description="The `next_cursor` of the page before.")] = "",
) -> Response:
    """Tokens by class, requests, tool calls and cost, by day, model, user or source, with the quota as it stands."""
    found = usage.answer(runtime().scope(tenant), when, group_by, limit, cursor)
    # Checked when it was made; FastAPI would check and walk all rows once more.
    return Response(found.model_dump_json(by_alias=True), media_type="application/json")


@router.get(
    "/usage.csv",
    tags=["Usage"],
    summary="Usage and cost as CSV",
    response_class=Response,
    responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
)
def show_usage_csv(tenant: UsageOf, when: When, group_by: Grouping = "day") -> Response:
    """The same report as CSV, all rows."""
    scope = runtime().scope(tenant)
    record(scope.audit, "export.usage", on=f"usage-by-{group_by}", first=str(when.first), last=str(when.last))
    report = usage_report(scope, when.first, when.last, group_by)
    name = f"{tenant}-usage-by-{group_by}-{when.first}-{when.last}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(usage.csv_text(report), media_type="text/csv", headers=headers)


@router.get("/quota", tags=["Usage"], summary="Limits and what is left of them")
def show_quota(tenant: UsageOf) -> QuotaAnswer:
    """Each limit with what is used, reserved by turns that are under way, and left; and when it begins anew."""
    rows = usage.quota_rows(runtime().scope(tenant))
    return QuotaAnswer(tenant=tenant, currency=CURRENCY, quota=rows)


@router.get(
    "/config",
    tags=["Configuration"],
    summary="The tenant's config.yaml",
    response_class=Response,
    responses={200: {"content": {_YAML: {"schema": {}}}, "headers": {"ETag": {"schema": {"type": "string"}}}}},
)
def get_config(tenant: ConfigOf) -> Response:
    """The file as it is, with its ETag; empty and without an ETag when the tenant has none (the defaults hold then)."""
    stored = read_overlay(runtime().scope(tenant))
    headers = {"ETag": stored.etag} if stored else {}
    return Response(stored.data if stored else b"", media_type=f"{_YAML}; charset=utf-8", headers=headers)


@router.put(
    "/config",
    tags=["Configuration"],
    summary="Replace the tenant's config.yaml",
    status_code=204,
    response_class=Response,
    responses=problems(412, 413, 428) | {204: {"description": "It is in force from the next message on."}},
    openapi_extra={"requestBody": {"required": True, "content": {_YAML: {"schema": OVERLAY_SCHEMA}}}},
)
def put_config(
    tenant: ConfigOf,
    data: Annotated[bytes, Depends(_body)],
    if_match: Annotated[str, Header(max_length=200, description="The ETag of the version that this replaces.")] = "",
    if_none_match: Annotated[str, Header(max_length=200, description="`*` where there is no file yet.")] = "",
) -> Response:
    """Check a file and put it into force from the next message on. Refused with the line of each problem otherwise."""
    etag = _condition(if_match, if_none_match)
    here = runtime()
    scope, gateway = here.scope(tenant), here.gateway_config
    tools = here.tools_of(scope)
    try:
        check_overlay(data, gateway, tools)
    except InvalidDocument as error:
        refuse_overlay(scope, data, error)
        raise
    try:
        saved = replace_overlay(scope, data.decode(), gateway, tools, if_match=etag)
    except Conflict as error:
        raise Stale(
            "config.yaml was changed since you read it.", hint="Read it again and repeat your change."
        ) from error
    return Response(status_code=204, headers={"ETag": saved.etag})


def _condition(if_match: str, if_none_match: str) -> str:
    """The ETag that the file must have; "" where there must be none.

    Raises
    ------
    NeedsPrecondition
        The request has neither header: two editors would overwrite each other.
    """
    if if_none_match.strip() == "*" and not if_match:
        return ""
    wanted = if_match.strip()
    if not wanted:
        hint = "Send If-Match with the ETag that GET gave, or If-None-Match: * where there is no file yet."
        raise NeedsPrecondition("A change must name the version that it replaces.", hint=hint)
    if len(wanted) < 3 or not (wanted.startswith('"') and wanted.endswith('"')) or not wanted.isascii():
        raise BadInput("If-Match holds no single ETag.", hint='Send it with its quotes, as GET gave it: "…".')
    return wanted
