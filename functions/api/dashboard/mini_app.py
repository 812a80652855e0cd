"""The dashboard as a Telegram Mini App: opened from the bot's menu, signed in by what Telegram vouches for."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse

from functions.api.acting import acting_of, log_of, sign_in_refused
from functions.api.dashboard.cookies import form, owners, set_cookie
from functions.api.dashboard.pages import render
from functions.api.problems import of_error
from functions.api.runtime import runtime
from functions.api.security import source_of
from manyclaw.audit import record
from manyclaw.errors import BadInput, NotFound, Refused
from manyclaw.telegram import claimed_user, verify_init_data
from manyclaw.tenancy import TELEGRAM_TOKEN, TenantId, get_secret

router = APIRouter(prefix="/dashboard/app", include_in_schema=False)

_NO_BOT = secrets.token_hex(32)
"""Stands in where there is no bot: the same work, and nobody can sign initData with it."""
_NOT_AN_OWNER = "Your Telegram account is not among the owners of this bot."


@router.get("/{tenant}")
def page(request: Request, tenant: str) -> Response:
    """The page that Telegram opens, the same for every id: its script hands over what Telegram put into the address."""
    return render(request, "mini_app.html", mini_app=True, tenant=tenant[:64])


@router.post("/{tenant}")
def sign_in(request: Request, tenant: str, fields: Annotated[Mapping[str, str], Depends(form)]) -> Response:
    """A session for an owner; the answer says where to go. 401 for anybody else."""
    here = runtime()
    counter = here.throttle.row(source_of(request), "app")
    here.throttle.check(counter)
    try:
        checked, user = _owner(tenant, fields.get("init_data", ""))
    except Refused as error:
        if here.throttle.failed(counter) == 1:
            sign_in_refused(tenant)
        return of_error(error)
    acting_of(request).telegram(user)
    record(log_of(checked), "sign_in", on="dashboard")
    secret, _ = here.sessions.open_for_telegram(checked, user, fields.get("theme", ""))
    response = JSONResponse({"next": f"/dashboard/t/{checked}"})
    set_cookie(request, response, secret, framed=True)
    return response


def _owner(tenant: str, init_data: str) -> tuple[TenantId, int]:
    """The tenant, and the owner whom its bot's Telegram vouches for. Raises ``Refused``.

    The bot's token is read last, when nothing else speaks against it: SSM answers few requests a second, for all.
    """
    now = time.time()
    claimed_user(init_data, now)
    try:
        checked = runtime().registry.get(tenant).tenant
    except (BadInput, NotFound):
        verify_init_data(init_data, _NO_BOT, now)
        raise Refused(_NOT_AN_OWNER) from None
    token = get_secret(runtime().scope(checked), TELEGRAM_TOKEN)
    user = verify_init_data(init_data, token or _NO_BOT, now)
    if token is None or user.id not in owners(checked):
        raise Refused(_NOT_AN_OWNER, hint="An owner's id stands in the bot's config.yaml under owners.")
    return checked, user.id
