"""``/dashboard/t/{tenant}/audit`` and ``/dashboard/audit``: a tenant's audit log, and the operator's own."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response

from functions.api import audit
from functions.api.dashboard.cookies import SignedIn
from functions.api.dashboard.pages import render
from functions.api.dashboard.router import Who, may, to_sign_in
from functions.api.problems import no_such_tenant
from manyclaw.access import Scope
from manyclaw.audit import ACTIONS, Filter, Inbox, page
from manyclaw.errors import Forbidden, NotFound

router = APIRouter(prefix="/dashboard", include_in_schema=False)

ENTRIES_A_PAGE = 50
GROUPS = sorted({name.partition(".")[0] for name in ACTIONS})

_Text = Annotated[str, Query(max_length=256)]


@router.get("/t/{tenant}/audit")
def tenant_audit(
    request: Request, tenant: str, who: Who, about: _Text = "", day: _Text = "", cursor: _Text = ""
) -> Response:
    """What was done to a tenant and by it, newest first."""
    if who is None:
        return to_sign_in(request)
    if not who.session.may_see(tenant):
        raise no_such_tenant(tenant)
    if not may(who, Scope.AUDIT_READ):
        raise Forbidden("This session may not read the audit log: its token lacks the scope audit:read.")
    log = audit.log_for(who.session.tenant, tenant)
    return _page(request, who, log, f"/dashboard/t/{tenant}", tenant, (about, day, cursor))


@router.get("/audit")
def operator_audit(request: Request, who: Who, about: _Text = "", day: _Text = "", cursor: _Text = "") -> Response:
    """What the operator did that belongs to no tenant."""
    if who is None:
        return to_sign_in(request)
    if who.session.tenant is not None:
        raise NotFound("There is no such page.")
    return _page(request, who, audit.operator_log(), "/dashboard", "", (about, day, cursor))


def _page(request: Request, who: SignedIn, log: Inbox, path: str, tenant: str, asked: tuple[str, str, str]) -> Response:
    about, day, cursor = asked
    about = about if about in GROUPS else ""
    found = page(log, _filter(about, day[:10]), ENTRIES_A_PAGE, cursor)
    following = urlencode({"about": about, "day": day, "cursor": found.cursor}) if found.cursor else ""
    shown: dict[str, Any] = {"entries": found.entries, "following": following, "groups": GROUPS}
    return render(request, "audit.html", who, path=path, tenant=tenant, about=about, day=day[:10], **shown)


def _filter(about: str, day: str) -> Filter:
    """``about`` is a group of actions, such as ``token``, or an action without one, such as ``sign_in``."""
    action = about if about in ACTIONS or not about else f"{about}."
    return Filter(action=action, first=day, last=day)
