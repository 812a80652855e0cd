"""Errors as pages, for who looks at the dashboard in a browser."""

from __future__ import annotations

import json

from fastapi import Request, Response
from fastapi.responses import JSONResponse

from functions.api.dashboard.pages import render


def wants_page(request: Request) -> bool:
    """Whether a person will read the answer: a page of the dashboard, and not what its script asks for."""
    path = request.url.path
    return path.startswith("/dashboard") and not (path.startswith("/dashboard/app/") and request.method == "POST")


def error_page(request: Request, document: JSONResponse) -> Response:
    """A problem document as a page, with its status and its headers."""
    problem = json.loads(bytes(document.body))
    page = render(
        request,
        "error.html",
        status=problem["status"],
        code=problem["status"],
        title=problem["title"],
        detail=problem["detail"],
    )
    for name in ("retry-after", "allow"):
        if name in document.headers:
            page.headers[name] = document.headers[name]
    return page
