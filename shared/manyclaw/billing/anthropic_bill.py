"""Anthropic's own account of what was used: GET /v1/organizations/usage_report/messages, by day and model.

It needs an Admin API key, which organizations have and individual accounts do not
(https://platform.claude.com/docs/en/manage-claude/usage-cost-api). It counts the whole organization, so another use of
the account shows as a difference, and so does a call that was served but never settled here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from manyclaw.billing.counters import Usage
from manyclaw.billing.usage import Tokens
from manyclaw.billing.verify import Difference
from manyclaw.errors import Refused, Unavailable

_DATED = re.compile(r"-\d{8}$")
_DAYS_A_PAGE = 31


def billed_tokens(base_url: str, admin_key: str, first: date, last: date) -> dict[tuple[str, str], Tokens]:
    """Tokens by day (ISO) and model from ``first`` to ``last``, both included; models without their release date.

    Raises
    ------
    Refused
        The key is none of an organization's administrator.
    Unavailable
        The API did not answer.
    """
    found: dict[tuple[str, str], Tokens] = {}
    for bucket in _buckets(base_url, admin_key, first, last):
        for result in bucket["results"]:
            name = (str(bucket["starting_at"])[:10], _DATED.sub("", str(result.get("model") or "unknown")))
            written = result.get("cache_creation") or {}
            tokens = Tokens(
                input=int(result.get("uncached_input_tokens") or 0),
                output=int(result.get("output_tokens") or 0),
                cache_read=int(result.get("cache_read_input_tokens") or 0),
                cache_write_5m=int(written.get("ephemeral_5m_input_tokens") or 0),
                cache_write_1h=int(written.get("ephemeral_1h_input_tokens") or 0),
            )
            found[name] = found.get(name, Tokens()) + tokens
    return found


def _buckets(base_url: str, admin_key: str, first: date, last: date) -> Iterator[dict[str, Any]]:
    import urllib3

    retries, timeout = urllib3.Retry(3, redirect=False, backoff_factor=0.2), urllib3.Timeout(connect=5, read=30)
    http = urllib3.PoolManager(retries=retries, timeout=timeout)
    fields = {
        "starting_at": f"{first}T00:00:00Z",
        "ending_at": f"{last + timedelta(days=1)}T00:00:00Z",
        "bucket_width": "1d",
        "group_by[]": "model",
        "limit": str(_DAYS_A_PAGE),
    }
    while True:
        try:
            answer = http.request(
                "GET",
                f"{base_url}/v1/organizations/usage_report/messages",
                fields=fields,
                headers={"x-api-key": admin_key, "anthropic-version": "2023-06-01"},
            )
        except urllib3.exceptions.HTTPError as error:
            raise Unavailable(f"Anthropic's usage API did not answer ({type(error).__name__}).") from None
        if answer.status in (401, 403):
            raise Refused(
                f"Anthropic's usage API refused the admin key ({answer.status}).",
                hint="Store an Admin API key with `manyclaw stack anthropic-admin-key`.",
            )
        if answer.status != 200:
            raise Unavailable(f"Anthropic's usage API answered {answer.status}.")
        page = json.loads(answer.data)
        yield from page["data"]
        if not page.get("has_more"):
            return
        fields["page"] = str(page["next_page"])


def compare_bill(ours: dict[tuple[str, str], Usage], billed: dict[tuple[str, str], Tokens]) -> list[Difference]:
    """Where the ledgers of all tenants together and Anthropic's report do not agree, by day and model."""
    mine: dict[tuple[str, str], Tokens] = {}
    for (day, model), usage in ours.items():
        name = (day, _DATED.sub("", model))
        mine[name] = mine.get(name, Tokens()) + usage.tokens
    return [
        Difference("all", f"Anthropic {day} {model}", _text(mine.get((day, model))), _text(billed.get((day, model))))
        for day, model in sorted({*mine, *billed})
        if mine.get((day, model), Tokens()) != billed.get((day, model), Tokens())
    ]


def _text(tokens: Tokens | None) -> str:
    tokens = tokens or Tokens()
    classes = (tokens.input, tokens.output, tokens.cache_read, tokens.cache_write_5m, tokens.cache_write_1h)
    return "+".join(map(str, classes)) + " tokens"
