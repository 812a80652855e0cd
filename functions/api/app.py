"""``/v1`` and ``/dashboard``: one FastAPI application behind Mangum."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import cache
from typing import Any

from fastapi import FastAPI, Request, Response
from mangum import Mangum

from functions.api import acting, problems
from functions.api.dashboard import audit as audit_pages
from functions.api.dashboard import mini_app, schedules
from functions.api.dashboard import router as dashboard
from functions.api.dashboard.errors import error_page, wants_page
from functions.api.responses import install_openapi
from functions.api.routes import audit, cron, operator, tenants
from manyclaw.logs import configure_logging, fields, guarded

log = configure_logging()

_TEXTS = ("text/", "application/json", problems.MEDIA_TYPE, "application/yaml", "image/svg+xml")
"""What leaves as it is; anything else Mangum would wrap in base64."""

_DESCRIPTION = """\
What a tenant used and what it cost, its limits and its configuration.

Send an API token as `Authorization: Bearer tk_…`. Days and times are UTC; amounts of money are exact decimal texts.
Errors are problem documents (RFC 9457). Another tenant's id is answered like one that is not there."""


def make_app() -> FastAPI:
    """The application. Its interactive pages are off: they would load scripts from elsewhere."""
    app = FastAPI(
        title="manyclaw",
        version="1",
        description=_DESCRIPTION,
        openapi_url="/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    problems.install(app, _answer)
    for each in (tenants, cron, audit, operator, mini_app, schedules, audit_pages, dashboard):
        app.include_router(each.router)
    install_openapi(app)
    app.middleware("http")(_logged)
    return app


def _answer(request: Request, error: Exception) -> Response:
    """An error as a page for people, as a problem document for programs."""
    document = problems.answer(error)
    return error_page(request, document) if wants_page(request) else document


async def _logged(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    """One line a request, and the headers that every answer has; no error leaves as anything but a problem."""
    began = time.perf_counter()
    acting.begin(request)
    try:
        response = await call_next(request)
    except Exception as error:  # the last resort: an error without a handler
        response = _answer(request, error)
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    milliseconds = round((time.perf_counter() - began) * 1000, 1)
    response.headers["Server-Timing"] = f"app;dur={milliseconds}"
    route = request.scope.get("route")
    log.info(
        "request",
        extra=fields(
            method=request.method,
            route=getattr(route, "path", "none"),
            tenant=str(request.path_params.get("tenant", ""))[:40],
            status=response.status_code,
            milliseconds=milliseconds,
        ),
    )
    return response


app = make_app()


@cache
def _mangum() -> Mangum:
    """The adapter. It runs requests on the thread's event loop, which Python no longer makes by itself."""
    asyncio.set_event_loop(asyncio.new_event_loop())
    return Mangum(app, lifespan="off", text_mime_types=list(_TEXTS))


@guarded
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """An HTTP API event (payload 2.0) in, its answer out. An event without a request warms the process up."""
    if "requestContext" not in event:
        log.info("warm")
        return {"statusCode": 204}
    answer: dict[str, Any] = _mangum()(event, context)
    return answer
