"""``/dashboard``: signing in and out, a tenant's month, and all tenants' for the operator."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from functions.api import usage
from functions.api.acting import acting_of, log_of
from functions.api.dashboard.charts import percent
from functions.api.dashboard.cookies import (
    SignedIn,
    check_csrf,
    clear_cookie,
    cookie_secret,
    form,
    set_cookie,
    signed_in,
)
from functions.api.dashboard.figures import Line, Month, overview
from functions.api.dashboard.pages import render, static_file
from functions.api.period import Period, decode_cursor, encode_cursor
from functions.api.problems import no_such_tenant
from functions.api.routes.operator import usage_of
from functions.api.runtime import runtime
from functions.api.security import source_of, tenant_row
from manyclaw.access import Scope
from manyclaw.audit import record
from manyclaw.billing import GroupBy, Usage, usage_report
from manyclaw.errors import Forbidden, NotFound, Refused, Throttled

router = APIRouter(prefix="/dashboard", include_in_schema=False)

TENANTS_A_PAGE = 50

Who = Annotated[SignedIn | None, Depends(signed_in)]
Form = Annotated[Mapping[str, str], Depends(form)]


def go(path: str) -> Response:
    """See other: the browser gets the page instead of sending the form again."""
    return RedirectResponse(path, 303)


def may(who: SignedIn, scope: Scope) -> bool:
    """An owner whom Telegram vouches for, the operator, or a token with the scope for it."""
    session = who.session
    if session.telegram_user is not None or session.tenant is None:
        return True
    return scope in runtime().gate.scopes_of(session.token_sha256)


def to_sign_in(request: Request) -> Response:
    """Where to sign in; within Telegram's frame that is the bot's menu."""
    if request.headers.get("sec-fetch-dest") == "iframe":
        return render(request, "signed_out.html", status=401, mini_app=True)
    return go("/dashboard/sign-in")


def home(who: SignedIn) -> str:
    """The page that somebody starts at."""
    return f"/dashboard/t/{who.session.tenant}" if who.session.tenant else "/dashboard/operator"


@router.get("")
@router.get("/")
def start(who: Who) -> Response:
    return go(home(who) if who else "/dashboard/sign-in")


@router.get("/sign-in")
def sign_in_page(request: Request, who: Who) -> Response:
    return go(home(who)) if who else render(request, "sign_in.html", problem="")


@router.post("/sign-in")
def sign_in(request: Request, fields: Form) -> Response:
    """An API token with usage:read opens a session."""
    here = runtime()
    try:
        principal = here.gate.identify(fields.get("token", "").strip(), source_of(request))
        acting_of(request).token(principal)
        log = log_of(principal.tenant)
        if Scope.USAGE_READ not in principal.scopes:
            record(log, "sign_in", on="dashboard", outcome="refused")
        principal.need(Scope.USAGE_READ)
    except Throttled as error:
        wait = f"{error.message} Try again in a minute."
        return render(request, "sign_in.html", status=429, problem=wait)
    except Forbidden:
        return render(request, "sign_in.html", status=403, problem="This token has not the scope usage:read.")
    except Refused:
        problem = "This token is not valid. It may have been revoked or have expired."
        return render(request, "sign_in.html", status=401, problem=problem)
    record(log, "sign_in", on="dashboard")
    here.sessions.close(cookie_secret(request))
    secret, session = here.sessions.open_for_token(principal)
    response = go(home(SignedIn(session, "")))
    set_cookie(request, response, secret, framed=False)
    return response


@router.post("/sign-out")
def sign_out(request: Request, who: Who, fields: Form) -> Response:
    """End the session itself, not only the browser's memory of it."""
    if who is None:
        return to_sign_in(request)
    check_csrf(who, fields)
    record(log_of(who.session.tenant), "sign_out", on="dashboard")
    runtime().sessions.close(cookie_secret(request))
    framed = who.session.telegram_user is not None
    response = render(request, "signed_out.html", mini_app=framed) if framed else go("/dashboard/sign-in")
    clear_cookie(request, response, framed=framed)
    return response


@router.get("/t/{tenant}")
def tenant_page(request: Request, tenant: str, who: Who, month: str = "") -> Response:
    """A tenant's month. Another tenant's page is answered like one that is not there."""
    if who is None:
        return to_sign_in(request)
    if not who.session.may_see(tenant):
        raise no_such_tenant(tenant)
    row = tenant_row(tenant)
    now = datetime.now(UTC)
    chosen = Month.read(month, now.date())
    figures = overview(runtime().scope(row.tenant), chosen, now)
    return render(request, "tenant.html", who, tenant=row, figures=figures, today=now.date())


@router.get("/t/{tenant}/usage.csv")
def tenant_csv(request: Request, tenant: str, who: Who, month: str = "", group_by: GroupBy = "day") -> Response:
    """The API's CSV, for who is signed in here."""
    if who is None:
        return to_sign_in(request)
    if not who.session.may_see(tenant):
        raise no_such_tenant(tenant)
    row, chosen = tenant_row(tenant), Month.read(month, datetime.now(UTC).date())
    record(
        log_of(row.tenant), "export.usage", on=f"usage-by-{group_by}", first=str(chosen.first), last=str(chosen.last)
    )
    report = usage_report(runtime().scope(row.tenant), chosen.first, chosen.last, group_by)
    name = f"{row.tenant}-usage-by-{group_by}-{chosen.text}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(usage.csv_text(report), media_type="text/csv", headers=headers)


@router.get("/operator")
def operator_page(request: Request, who: Who, month: str = "", cursor: str = "") -> Response:
    """All tenants' month, a page at a time, in the order of their ids."""
    if who is None:
        return to_sign_in(request)
    if who.session.tenant is not None:
        raise NotFound("There is no such page.")
    now = datetime.now(UTC)
    chosen = Month.read(month, now.date())
    page = runtime().registry.page(TENANTS_A_PAGE, decode_cursor(cursor) if cursor else "")
    used = usage_of(page.tenants, Period(chosen.first, min(chosen.last, now.date())))
    total = sum(used, Usage())
    shares = [percent(each.cost_usd, total.cost_usd) for each in used]
    lines = [
        (tenant, Line(tenant.tenant, each, share))
        for tenant, each, share in zip(page.tenants, used, shares, strict=True)
    ]
    following = encode_cursor(page.cursor) if page.cursor else ""
    return render(
        request,
        "operator.html",
        who,
        month=chosen,
        today=now.date(),
        lines=lines,
        total=total,
        cursor=cursor,
        following=following,
    )


@router.get("/static/{name}")
def static(name: str) -> Response:
    return static_file(name)
