"""``/v1/organizations/…``: the Usage and the Cost API of the Admin API, by day.

https://platform.claude.com/docs/en/api/admin/usage_report/retrieve_messages and …/cost_report/retrieve. Grouping is by
model (usage) or by description (cost), which is what they are asked for here; other groupings are refused.
"""

import base64
import binascii
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from aiohttp import web

from local.model.account import Account, Line
from local.model.errors import ModelApiError, invalid
from local.model.messages import new_id
from local.model.prices import CLASSES
from local.model.validation import check_headers

_DEFAULT_DAYS, _MOST_DAYS = 7, 31
Results = Callable[[dict[str, Line]], list[dict[str, Any]]]


class Organization:
    """Reports on the account to whoever holds an Admin API key."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def add_routes(self, app: web.Application) -> None:
        """Both reports."""
        app.router.add_get("/v1/organizations/usage_report/messages", self.usage)
        app.router.add_get("/v1/organizations/cost_report", self.cost)

    async def usage(self, request: web.Request) -> web.Response:
        """Tokens of each day, by model if grouped so."""
        return self._report(request, "model", _usage_by_model, _usage_in_all)

    async def cost(self, request: web.Request) -> web.Response:
        """US cents of each day, by model and class of tokens if grouped by description."""
        return self._report(request, "description", _cost_by_description, _cost_in_all)

    def _report(self, request: web.Request, group: str, grouped: Results, whole: Results) -> web.Response:
        request_id = new_id("req")
        try:
            if not check_headers(request.headers).startswith("sk-ant-admin"):
                raise ModelApiError(401, "invalid x-api-key")
            asked = request.query.getall("group_by[]", [])
            if set(asked) - {group}:
                raise invalid(f"group_by: the simulator groups by {group} only")
            if request.query.get("bucket_width", "1d") != "1d":
                raise invalid("bucket_width: the simulator has days only")
            body = self._page(request, grouped if asked else whole)
        except ModelApiError as error:
            return web.json_response(error.body(request_id), status=error.status, headers={"request-id": request_id})
        return web.json_response(body, headers={"request-id": request_id})

    def _page(self, request: web.Request, results: Results) -> dict[str, Any]:
        first, end = _day(request, "starting_at"), _day(request, "ending_at", datetime.now(UTC).date())
        limit = request.query.get("limit", str(_DEFAULT_DAYS))
        if not limit.isdecimal() or not 1 <= int(limit) <= _MOST_DAYS:
            raise invalid(f"limit: Input should be between 1 and {_MOST_DAYS}")
        if "page" in request.query:
            first = _unpage(request.query["page"])
        days = [first + timedelta(days=number) for number in range(min(int(limit), max(0, (end - first).days)))]
        following = first + timedelta(days=len(days))
        return {
            "data": [
                {
                    "starting_at": f"{day}T00:00:00Z",
                    "ending_at": f"{day + timedelta(days=1)}T00:00:00Z",
                    "results": results(self._account.on(day)),
                }
                for day in days
            ],
            "has_more": following < end,
            "next_page": _to_page(following) if following < end else None,
        }


def _day(request: web.Request, name: str, default: date | None = None) -> date:
    given = request.query.get(name)
    if given is None:
        if default is None:
            raise invalid(f"{name}: Field required")
        return default
    try:
        return datetime.fromisoformat(given).astimezone(UTC).date()
    except ValueError:
        raise invalid(f"{name}: Input should be a valid datetime") from None


def _to_page(day: date) -> str:
    return "page_" + base64.b64encode(f"{day}T00:00:00Z".encode()).decode()


def _unpage(page: str) -> date:
    try:
        return datetime.fromisoformat(base64.b64decode(page.removeprefix("page_"), validate=True).decode()).date()
    except (binascii.Error, ValueError):
        raise invalid("page: Invalid page token") from None


def _sum(lines: dict[str, Line]) -> Line:
    total = Line()
    for line in lines.values():
        total.add(tuple(line.tokens), tuple(line.cents))
    return total


def _usage(model: str | None, line: Line) -> dict[str, Any]:
    uncached, output, read, short, hour = line.tokens
    return {
        "account_id": None,
        "api_key_id": None,
        "cache_creation": {"ephemeral_1h_input_tokens": hour, "ephemeral_5m_input_tokens": short},
        "cache_read_input_tokens": read,
        "context_window": None,
        "inference_geo": None,
        "model": model,
        "output_tokens": output,
        "server_tool_use": {"web_search_requests": 0},
        "service_account_id": None,
        "service_tier": None,
        "uncached_input_tokens": uncached,
        "workspace_id": None,
    }


def _usage_by_model(lines: dict[str, Line]) -> list[dict[str, Any]]:
    return [_usage(model, line) for model, line in lines.items()]


def _usage_in_all(lines: dict[str, Line]) -> list[dict[str, Any]]:
    return [_usage(None, _sum(lines))] if lines else []


def _cost(amount: Any, **more: str) -> dict[str, Any]:
    return {
        "amount": f"{amount:f}",
        "context_window": None,
        "cost_type": None,
        "currency": "USD",
        "description": None,
        "inference_geo": None,
        "model": None,
        "service_tier": None,
        "token_type": None,
        "workspace_id": None,
        **more,
    }


def _cost_by_description(lines: dict[str, Line]) -> list[dict[str, Any]]:
    return [
        _cost(
            cents,
            context_window="0-200k",
            cost_type="tokens",
            description=f"{model} Usage - {kind}",
            model=model,
            service_tier="standard",
            token_type=kind,
        )
        for model, line in lines.items()
        for kind, cents in zip(CLASSES, line.cents, strict=True)
        if cents
    ]


def _cost_in_all(lines: dict[str, Line]) -> list[dict[str, Any]]:
    return [_cost(sum(_sum(lines).cents))] if lines else []
