"""``/dashboard/t/{tenant}/schedules``: a tenant's jobs with their switches, and a run at once."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from functions.api.dashboard.cookies import SignedIn, check_csrf
from functions.api.dashboard.pages import render
from functions.api.dashboard.router import Form, Who, go, may, to_sign_in
from functions.api.problems import no_such_tenant
from functions.api.runtime import runtime
from functions.api.schedules import book_of, job_answers
from functions.api.security import tenant_row
from manyclaw.access import Scope
from manyclaw.audit import record
from manyclaw.errors import BadInput, Forbidden
from manyclaw.schedules import claim_by_hand, job_id, run_now
from manyclaw.tenancy import Tenant

router = APIRouter(prefix="/dashboard/t/{tenant}/schedules", include_in_schema=False)


def _tenant(who: SignedIn, tenant: str) -> Tenant:
    if not who.session.may_see(tenant):
        raise no_such_tenant(tenant)
    return tenant_row(tenant)


@router.get("")
def schedules_page(request: Request, tenant: str, who: Who, cursor: str = "") -> Response:
    """The jobs with their last and next runs, a page at a time."""
    if who is None:
        return to_sign_in(request)
    row = _tenant(who, tenant)
    book = book_of(row.tenant)
    jobs, following = book.page(50, job_id(cursor) if cursor else "")
    lines = job_answers(book.scope, jobs)
    return render(request, "schedules.html", who, tenant=row, jobs=lines, following=following)


@router.post("/{job}")
def change(request: Request, tenant: str, job: str, who: Who, fields: Form) -> Response:
    """Switch a job on or off, or run it now."""
    if who is None:
        return to_sign_in(request)
    row = _tenant(who, tenant)
    check_csrf(who, fields)
    if not may(who, Scope.CRON_WRITE):
        raise Forbidden("This session may look at schedules, not change them: its token lacks the scope cron:write.")
    book, wish = book_of(row.tenant), fields.get("do", "")
    found = book.get(job)
    if wish == "run":
        claim_by_hand(book.scope, found.job)
        record(book.scope.audit, "schedule.run", on=f"job:{found.job}")
        run_now(runtime().clients, runtime().settings, row.tenant, found.job)
    elif wish in ("on", "off"):
        book.edit(found.job, {"enabled": wish == "on"})
    else:
        raise BadInput(f"{wish[:20]!r} is nothing that can be done with a job.")
    return go(f"/dashboard/t/{row.tenant}/schedules")
