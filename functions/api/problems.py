"""Errors as problem documents (RFC 9457): one map, from the tree in ``manyclaw.errors``."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Callable
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from manyclaw.access import Principal
from manyclaw.errors import ManyclawError, NotFound, RetryableError, Unavailable
from manyclaw.tenancy import InvalidDocument

MEDIA_TYPE = "application/problem+json"

_TITLES = {
    400: "Bad request",
    401: "Not signed in",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    409: "Conflict",
    412: "Precondition failed",
    413: "Too large",
    415: "Unsupported media type",
    428: "Precondition required",
    429: "Too many requests",
    500: "Internal error",
    503: "Unavailable",
}
_INTERNAL = "Something went wrong here. It has been logged."

log = logging.getLogger("manyclaw.api")


def no_such_tenant(tenant: str) -> NotFound:
    """The one answer to a tenant that is not there and to one that is another's."""
    return NotFound(f"There is no tenant {tenant[:64]!r}.")


def check_may_see(who: Principal, tenant: str) -> None:
    """Raises :func:`no_such_tenant` before anything is looked up, so not even the time tells whether it is there."""
    if not who.may_see(tenant):
        raise no_such_tenant(tenant)


def problem(status: int, detail: str, headers: dict[str, str] | None = None, **more: Any) -> JSONResponse:
    """A problem document. ``type`` is a name that stays; ``detail`` is for people."""
    title = _TITLES.get(status, "Error")
    name = re.sub(r"[^a-z]+", "-", title.lower())
    body = {"type": f"urn:manyclaw:problem:{name}", "title": title, "status": status, "detail": detail, **more}
    return JSONResponse(body, status, headers, media_type=MEDIA_TYPE)


def of_error(error: ManyclawError) -> JSONResponse:
    """The problem document of one of our errors. What only the operator can mend is told to the log alone."""
    status = error.http_status
    if status == 500:
        log.error("api: %s", error)
        return problem(500, _INTERNAL)
    headers: dict[str, str] = {}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, RetryableError):
        headers["Retry-After"] = str(math.ceil(error.retry_after or 1))
    more: dict[str, Any] = {}
    if error.hint and status in (400, 401, 412, 428):
        more["hint"] = error.hint
    if isinstance(error, InvalidDocument):
        more["errors"] = [
            {"line": each.line, "path": each.path, "message": each.message} for each in error.problems[:100]
        ]
    return problem(status, error.message, headers, **more)


def of_validation(error: RequestValidationError) -> JSONResponse:
    """400 for parameters that are no good, with each one's name and what is wrong with it."""
    errors = [
        {"path": ".".join(str(part) for part in each["loc"][1:]), "message": str(each["msg"])[:200]}
        for each in error.errors()[:20]
    ]
    listed = "; ".join(f"{each['path']}: {each['message']}" for each in errors)
    return problem(400, f"The request cannot be used: {listed}.", errors=errors)


def of_http(error: HTTPException) -> JSONResponse:
    """What the framework refuses by itself: an unknown path, a wrong method."""
    detail = {404: "There is nothing at this address.", 405: "This address does not take this method."}
    return problem(error.status_code, detail.get(error.status_code, str(error.detail)), dict(error.headers or {}))


def of_unexpected(error: Exception) -> JSONResponse:
    """What nobody foresaw. AWS being busy is told apart, since the caller should try again."""
    from botocore.exceptions import BotoCoreError, ClientError

    if isinstance(error, ClientError):
        code = str(error.response["Error"].get("Code", ""))
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        if status >= 500 or "Throttl" in code or "ProvisionedThroughput" in code:
            log.warning("api: %s answered %s %s", error.operation_name, status, code)
            return of_error(Unavailable("The service is busy.", retry_after=2))
    if isinstance(error, BotoCoreError):
        log.warning("api: AWS could not be asked (%s)", type(error).__name__)
        return of_error(Unavailable("The service is busy.", retry_after=2))
    log.error("api: unexpected", exc_info=error)
    return problem(500, _INTERNAL)


def answer(error: Exception) -> JSONResponse:
    """The problem document of any error at all."""
    if isinstance(error, ManyclawError):
        return of_error(error)
    if isinstance(error, RequestValidationError):
        return of_validation(error)
    return of_http(error) if isinstance(error, HTTPException) else of_unexpected(error)


def install(app: FastAPI, respond: Callable[[Request, Exception], Response]) -> None:
    """Answer every error of ``app`` with what ``respond`` makes of it."""

    async def handle(request: Request, error: Exception) -> Response:
        return respond(request, error)

    for kind in (ManyclawError, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, handle)
