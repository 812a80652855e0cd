"""Who is signed in: the cookie, the session behind it, and where a form came from."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from fastapi import Request, Response

from functions.api.acting import acting_of
from functions.api.runtime import runtime
from manyclaw.access import WebSession, csrf_token
from manyclaw.errors import BadInput, Forbidden, Refused
from manyclaw.tenancy import load_overlay

_LARGEST_FORM_BYTES = 32 * 1024


@dataclass(frozen=True)
class SignedIn:
    """A session and the form token that goes with it."""

    session: WebSession
    csrf: str


def is_secure(request: Request) -> bool:
    """Whether the browser speaks https: the HTTP API always does, the embedded stack's front door does not."""
    return request.headers.get("x-forwarded-proto", "https").partition(",")[0].strip() == "https"


def cookie_name(request: Request) -> str:
    """``__Host-`` binds the cookie to this very host; browsers take it over https only."""
    return "__Host-manyclaw" if is_secure(request) else "manyclaw"


def cookie_secret(request: Request) -> str:
    """The cookie's value; "" when there is none."""
    return str(request.cookies.get(cookie_name(request), ""))


def set_cookie(request: Request, response: Response, secret: str, *, framed: bool) -> None:
    """Sign the browser in for as long as it runs; the session itself ends sooner.

    ``framed``: Telegram on the web shows a Mini App in a frame, where a cookie must be ``SameSite=None``; it is
    partitioned, so it is sent within that frame only.
    """
    secure = is_secure(request)
    same_site = "None; Partitioned" if framed and secure else "Lax"
    parts = [f"{cookie_name(request)}={secret}", "Path=/", "HttpOnly", f"SameSite={same_site}"]
    response.headers.append("Set-Cookie", "; ".join([*parts, "Secure"] if secure else parts))


def clear_cookie(request: Request, response: Response, *, framed: bool) -> None:
    """Take the cookie back."""
    set_cookie(request, response, "; Max-Age=0", framed=framed)


def signed_in(request: Request) -> SignedIn | None:
    """Who is signed in now, if what let them in still holds: the token is not revoked, the owner still an owner."""
    here = runtime()
    secret = cookie_secret(request)
    session = here.sessions.find(secret) if secret else None
    if session is None:
        return None
    if session.telegram_user is not None:
        good = session.tenant is not None and session.telegram_user in owners(session.tenant)
    else:
        good = here.gate.still_good(session.token_sha256)
    if not good:
        return None
    acting_of(request).session(session)
    return SignedIn(session, csrf_token(secret))


def owners(tenant: str) -> tuple[int, ...]:
    """The Telegram ids that the overlay in force lists as owners."""
    here = runtime()
    scope = here.scope(tenant)
    return load_overlay(scope, here.gateway_config, here.tools_of(scope)).overlay.owners


async def form(request: Request) -> Mapping[str, str]:
    """The fields of a form from our own pages.

    Raises
    ------
    Forbidden
        It comes from another site.
    BadInput
        It is no form, or too large.
    """
    if not _same_origin(request):
        raise Forbidden("This form was not sent from the dashboard.")
    data = await request.body()
    if len(data) > _LARGEST_FORM_BYTES:
        raise BadInput("The form is too large.")
    try:
        found = parse_qs(data.decode(), keep_blank_values=True, max_num_fields=16)
    except ValueError:
        raise BadInput("That is not a form.") from None
    return {name: values[-1] for name, values in found.items()}


def check_csrf(who: SignedIn, fields: Mapping[str, str]) -> None:
    """Raises ``Refused`` unless the form carries this session's token."""
    if not hmac.compare_digest(who.csrf.encode(), fields.get("csrf", "").encode("utf-8", "surrogatepass")):
        raise Refused("This form is from another session.", hint="Load the page again.")


def _same_origin(request: Request) -> bool:
    """By what the browser says of the request, which no page can forge; older browsers say at least the origin."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = request.headers.get("origin", "")
    host = request.headers.get("x-forwarded-host") or request.headers.get("host", "")
    return bool(host) and urlsplit(origin).netloc == host
