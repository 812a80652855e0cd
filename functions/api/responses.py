"""How the OpenAPI document speaks of errors: always a problem document."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from functions.api.problems import MEDIA_TYPE
from functions.api.schemas import Problem
from manyclaw.tenancy import Overlay

_MEANING = {
    400: "A value is no good; `errors` says which.",
    401: "No token, or one that is not valid.",
    403: "The token has not the scope for this.",
    404: "No such tenant: it is not there, or not yours.",
    409: "It is there already, or has changed meanwhile.",
    412: "It was changed since you read it.",
    413: "The request is too large.",
    428: "The change does not say which version it replaces.",
    429: "Too many failed tries; see Retry-After.",
    500: "Something went wrong on our side.",
    503: "Busy; see Retry-After.",
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The ``responses`` of a route for these statuses."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {"description": _MEANING[status], "content": {MEDIA_TYPE: {"schema": schema}}} for status in statuses
    }


OVERLAY_SCHEMA = {"$ref": "#/components/schemas/Overlay"}
PROBLEMS = problems(400, 401, 403, 404, 429, 500, 503)


def install_openapi(app: FastAPI) -> None:
    """Give ``app`` a document that says 400 with a problem where FastAPI by itself would say 422."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            made = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
            for path in made["paths"].values():
                for operation in path.values():
                    operation["responses"].pop("422", None)
            schemas = made.setdefault("components", {}).setdefault("schemas", {})
            for unused in ("HTTPValidationError", "ValidationError"):
                schemas.pop(unused, None)
            for model in (Problem, Overlay):
                own = model.model_json_schema(ref_template="#/components/schemas/{model}")
                schemas |= own.pop("$defs", {}) | {model.__name__: own}
            app.openapi_schema = made
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]
