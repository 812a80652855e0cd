"""Pages: templates, the headers that keep them closed, and the files that they use."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import Request, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from functions.api.dashboard.cookies import SignedIn, is_secure
from manyclaw.errors import NotFound

_HERE = Path(__file__).parent
_FILES = {
    "dashboard.css": "text/css; charset=utf-8",
    "mini_app.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
_TELEGRAM_FRAMES = "https://web.telegram.org https://*.web.telegram.org 'self'"


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters |= {"usd": usd, "count": count, "compact": compact, "until": until}
    made.globals["static"] = static_url
    return made


def usd(amount: Decimal) -> Markup:
    """An amount as people read it, with the exact one in ``value``: cents from ten cents on, four digits below."""
    step = Decimal("0.01") if abs(amount) >= Decimal("0.1") or amount == 0 else Decimal("0.0001")
    tiny = amount and abs(amount) < step / 2
    shown = "< $0.0001" if tiny else f"${amount.quantize(step, ROUND_HALF_UP):,f}"
    return Markup('<data value="{}">{}</data>').format(format(amount, "f"), shown)


def count(number: int) -> Markup:
    """A number with its thousands apart."""
    return Markup('<data value="{}">{}</data>').format(number, f"{number:,}")


def compact(number: int) -> Markup:
    """A large number in three digits or so: 1.2 M."""
    shown = f"{number:,}"
    for size, letter in ((10**9, "B"), (10**6, "M"), (10**3, "k")):
        if number >= 10 * size or (size > 1_000 and number >= size):
            shown = f"{number / size:.1f} {letter}"
            break
    return Markup('<data value="{}">{}</data>').format(number, shown)


def until(moment: datetime, now: datetime) -> str:
    """How long it is until ``moment``: ``3 h 20 min``."""
    minutes = max(1, round((moment - now).total_seconds() / 60))
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest} min" if hours else f"{rest} min"


@cache
def _file(name: str) -> tuple[bytes, str]:
    data = (_HERE / "static" / name).read_bytes()
    return data, hashlib.sha256(data).hexdigest()[:16]


def static_url(name: str) -> str:
    """The address of a file; it changes with the file, so a browser may keep it for good."""
    return f"/dashboard/static/{name}?v={_file(name)[1]}"


def static_file(name: str) -> Response:
    """One of the pages' files. Raises ``NotFound``."""
    if name not in _FILES:
        raise NotFound("There is no such file.")
    data, _ = _file(name)
    headers = {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}
    return Response(data, headers=headers, media_type=_FILES[name])


def render(
    request: Request,
    name: str,
    who: SignedIn | None = None,
    *,
    status: int = 200,
    mini_app: bool = False,
    **values: Any,
) -> Response:
    """The page of a template, which nothing may frame but Telegram, and that only for one who came through it."""
    framed = mini_app or (who is not None and who.session.telegram_user is not None)
    theme = who.session.theme if who else ""
    now = datetime.now(UTC)
    text = _environment().get_template(name).render(who=who, theme=theme, framed=framed, now=now, **values)
    response = Response(text, status, media_type="text/html; charset=utf-8")
    response.headers.update(_headers(request, framed=framed, script=mini_app))
    return response


def _headers(request: Request, *, framed: bool, script: bool) -> dict[str, str]:
    policy = [
        "default-src 'none'",
        "style-src 'self'",
        "img-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        f"frame-ancestors {_TELEGRAM_FRAMES if framed else "'none'"}",
        *(("script-src 'self'", "connect-src 'self'") if script else ()),
    ]
    headers = {
        "Content-Security-Policy": "; ".join(policy),
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        # Not no-referrer: browsers would then send our own forms with the origin "null".
        "Referrer-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
    }
    if not framed:
        headers["X-Frame-Options"] = "DENY"
    if is_secure(request):
        headers["Strict-Transport-Security"] = "max-age=31536000"
    return headers
