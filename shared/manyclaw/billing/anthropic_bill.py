"""Anthropic's own account of what was used and what it cost: its Usage and its Cost API, by day and model.

It needs an Admin API key, which organizations have and individual accounts do not
(https://platform.claude.com/docs/en/manage-claude/usage-cost-api). It counts the whole organization, so another use of
the account shows as a difference, and so does a call that was served but never settled here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from manyclaw.billing.counters import Usage
from manyclaw.billing.reports import money
from manyclaw.billing.usage import Tokens
from manyclaw.billing.verify import Difference
from manyclaw.errors import Refused, Unavailable

_USAGE, _COST = "usage_report/messages", "cost_report"
_DATED = re.compile(r"-\d{8}$")
_DAYS_A_PAGE = 31
_CENT = Decimal("0.01")

type Name = tuple[str, str]
"""A day (ISO) and a model without its release date."""


def billed_tokens(base_url: str, admin_key: str, first: date, last: date) -> dict[Name, Tokens]:
    """Tokens by day and model from ``first`` to ``last``, both included.

    Raises
    ------
    Refused
        The key is none of an organization's administrator.
    Unavailable
        The API did not answer.
    """
    found: dict[Name, Tokens] = {}
    for day, result in _results(base_url, admin_key, _USAGE, "model", first, last):
        written = result.get("cache_creation") or {}
        tokens = Tokens(
            input=int(result.get("uncached_input_tokens") or 0),
            output=int(result.get("output_tokens") or 0),
            cache_read=int(result.get("cache_read_input_tokens") or 0),
            cache_write_5m=int(written.get("ephemeral_5m_input_tokens") or 0),
            cache_write_1h=int(written.get("ephemeral_1h_input_tokens") or 0),
        )
        name = (day, _undated(result.get("model") or "unknown"))
        found[name] = found.get(name, Tokens()) + tokens
    return found


def billed_costs(base_url: str, admin_key: str, first: date, last: date) -> dict[Name, Decimal]:
    """USD by day and model from ``first`` to ``last``, both included; what is no model's has its kind as its name.

    Raises as :func:`billed_tokens` does.
    """
    found: dict[Name, Decimal] = {}
    for day, result in _results(base_url, admin_key, _COST, "description", first, last):
        name = (day, _undated(result.get("model") or result.get("cost_type") or "unknown"))
        found[name] = found.get(name, Decimal(0)) + Decimal(str(result["amount"])) / 100
    return found


def _undated(model: str) -> str:
    return _DATED.sub("", model)


def _results(
    base_url: str, admin_key: str, report: str, group: str, first: date, last: date
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each day's results, over all pages."""
    import urllib3

    retries, timeout = urllib3.Retry(3, redirect=False, backoff_factor=0.2), urllib3.Timeout(connect=5, read=30)
    http = urllib3.PoolManager(retries=retries, timeout=timeout)
    fields = {
        "starting_at": f"{first}T00:00:00Z",
        "ending_at": f"{last + timedelta(days=1)}T00:00:00Z",
        "bucket_width": "1d",
        "group_by[]": group,
        "limit": str(_DAYS_A_PAGE),
    }
    while True:
        try:
            answer = http.request(
                "GET",
                f"{base_url}/v1/organizations/{report}",
                fields=fields,
                headers={"x-api-key": admin_key, "anthropic-version": "2023-06-01"},
            )
        except urllib3.exceptions.HTTPError as error:
            raise Unavailable(f"Anthropic's Admin API did not answer ({type(error).__name__}).") from None
        if answer.status in (401, 403):
            raise Refused(
                f"Anthropic's Admin API refused the admin key ({answer.status}).",
                hint="Store an Admin API key with `manyclaw stack anthropic-admin-key`.",
            )
        if answer.status != 200:
            raise Unavailable(f"Anthropic's Admin API answered {answer.status}.")
        page = json.loads(answer.data)
        for bucket in page["data"]:
            for result in bucket["results"]:
                yield str(bucket["starting_at"])[:10], result
        if not page.get("has_more"):
            return
        fields["page"] = str(page["next_page"])


def compare_bill(
    ours: dict[tuple[str, str], Usage], tokens: dict[Name, Tokens], costs: dict[Name, Decimal]
) -> list[Difference]:
    """Where the ledgers of all tenants together and Anthropic's reports do not agree, by day and model.

    Tokens are compared exactly, costs to the cent: Anthropic's own amounts are in cents.
    """
    mine: dict[Name, Usage] = {}
    for (day, model), usage in ours.items():
        name = (day, _undated(model))
        mine[name] = mine.get(name, Usage()) + usage
    found = []
    for name in sorted({*mine, *tokens, *costs}):
        used, what = mine.get(name, Usage()), " ".join(("Anthropic", *name))
        billed, cost = tokens.get(name, Tokens()), costs.get(name, Decimal(0))
        if used.tokens != billed:
            found.append(Difference("all", what, _text(used.tokens), _text(billed)))
        if abs(used.cost_usd - cost) >= _CENT:
            found.append(Difference("all", what, f"{money(used.cost_usd)} USD", f"{money(cost)} USD"))
    return found


def _text(tokens: Tokens) -> str:
    classes = (tokens.input, tokens.output, tokens.cache_read, tokens.cache_write_5m, tokens.cache_write_1h)
    return "+".join(map(str, classes)) + " tokens"
