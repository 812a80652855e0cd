"""The simulated account's bill, and what the product reads of it: over HTTP, in pages, with the real client."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import anthropic
import pytest
from aiohttp.test_utils import TestClient, TestServer

from local.model.app import create_app
from manyclaw.billing import Tokens, Usage, billed_costs, billed_tokens, compare_bill
from manyclaw.errors import Refused, Unavailable
from manyclaw.tenancy.gateway import parse_gateway_config

ROOT = Path(__file__).resolve().parents[3]
CARD = parse_gateway_config((ROOT / "local" / "seed" / "config.yaml").read_text())
FIRST = date(2026, 10, 20)
ADMIN = "sk-ant-admin01-test"
LONG = "word " * 2_000


class Wall:
    """The date on which the simulator believes to be."""

    day = FIRST

    def __call__(self) -> float:
        return datetime(self.day.year, self.day.month, self.day.day, 23, 59, tzinfo=UTC).timestamp()


@dataclass
class Bill:
    http: TestClient[Any, Any]
    wall: Wall
    books: dict[tuple[str, str], Usage]

    @property
    def address(self) -> str:
        return str(self.http.make_url("/")).rstrip("/")

    async def call(self, model: str, text: str, ttl: str | None = None) -> None:
        """One call, which our books have too."""
        block: dict[str, Any] = {"type": "text", "text": text}
        if ttl:
            block["cache_control"] = {"type": "ephemeral", "ttl": ttl}
        asked = {"model": model, "max_tokens": 500, "messages": [{"role": "user", "content": [block]}]}
        headers = {"x-api-key": "sk-test", "anthropic-version": "2023-06-01"}
        async with self.http.post("/v1/messages", json=asked, headers=headers) as response:
            tokens = Tokens.of(anthropic.types.Usage.model_validate((await response.json())["usage"]))
        usage = Usage(1, 0, tokens, tokens.cost(CARD.rates(model, self.wall.day)))
        name = (str(self.wall.day), model)
        self.books[name] = self.books.get(name, Usage()) + usage

    async def read(self, last: date, key: str = ADMIN) -> tuple[dict[Any, Tokens], dict[Any, Decimal]]:
        asked = (self.address, key, FIRST, last)
        return await asyncio.to_thread(billed_tokens, *asked), await asyncio.to_thread(billed_costs, *asked)


def run(scenario: Callable[[Bill], Awaitable[None]]) -> None:
    async def whole() -> None:
        wall = Wall()
        async with TestClient(TestServer(create_app(now=wall))) as http:
            await scenario(Bill(http, wall, {}))

    asyncio.run(whole())


def test_books_that_have_every_call_agree_with_the_account_over_all_pages() -> None:
    async def scenario(bill: Bill) -> None:
        # Given calls in every class of tokens, with short and long prompts, over 70 days: three pages of a report
        for after in (0, 0, 30, 31, 69):
            bill.wall.day = FIRST + timedelta(days=after)
            await bill.call("claude-haiku-4-5", LONG + str(after // 2), "5m")
            await bill.call("claude-sonnet-5-5", LONG, "1h")
            await bill.call("claude-haiku-5-5", "hello" if after else LONG * 50)
        last = bill.wall.day
        tokens, costs = await bill.read(last)
        # Then tokens and costs are those of our books, though the account names a model with its release date
        assert tokens == {name: usage.tokens for name, usage in bill.books.items()}
        assert costs == {name: usage.cost_usd for name, usage in bill.books.items()}
        assert compare_bill(bill.books, tokens, costs) == []
        summed = sum((each.tokens for each in bill.books.values()), Tokens())
        assert min(summed.input, summed.output, summed.cache_read, summed.cache_write_5m, summed.cache_write_1h) > 0
        # And a call that only the account knows, or only we, is a difference in tokens and in money
        missing = {name: usage for name, usage in bill.books.items() if name != (str(last), "claude-sonnet-5-5")}
        assert {each.what for each in compare_bill(missing, tokens, costs)} == {f"Anthropic {last} claude-sonnet-5-5"}
        assert len({each.what for each in compare_bill(bill.books, {}, {})}) == len(bill.books)

    run(scenario)


def test_a_cost_that_differs_by_less_than_a_cent_agrees() -> None:
    ours = {("2026-11-30", "claude-x"): Usage(1, 0, Tokens(1), Decimal("1.004999"))}
    tokens = {("2026-11-30", "claude-x"): Tokens(1)}
    assert compare_bill(ours, tokens, {("2026-11-30", "claude-x"): Decimal("1.00")}) == []
    (found,) = compare_bill(ours, tokens, {("2026-11-30", "claude-x"): Decimal("1.014999")})
    assert (found.ledger, found.found) == ("1.004999 USD", "1.014999 USD")


def test_only_an_admin_key_may_read_the_account() -> None:
    async def scenario(bill: Bill) -> None:
        with pytest.raises(Refused, match="401"):
            await bill.read(FIRST, "sk-ant-api03-not-an-admins")

    run(scenario)


@pytest.mark.parametrize(
    ("report", "query", "problem"),
    [
        ("usage_report/messages", "", "starting_at: Field required"),
        ("usage_report/messages", "starting_at=yesterday", "starting_at: Input should be a valid datetime"),
        ("cost_report", "starting_at=2026-10-20T00:00:00Z&limit=32", "limit: "),
        ("cost_report", "starting_at=2026-10-20T00:00:00Z&page=x", "page: Invalid"),
        ("cost_report", "starting_at=2026-10-20T00:00:00Z&group_by[]=model", "group_by: "),
        ("usage_report/messages", "starting_at=2026-10-20T00:00:00Z&bucket_width=1h", "bucket_width: "),
    ],
)
def test_what_the_reports_refuse(report: str, query: str, problem: str) -> None:
    async def scenario(bill: Bill) -> None:
        headers = {"x-api-key": ADMIN, "anthropic-version": "2023-06-01"}
        async with bill.http.get(f"/v1/organizations/{report}?{query}", headers=headers) as response:
            body = await response.json()
        assert (response.status, body["error"]["type"]) == (400, "invalid_request_error")
        assert body["error"]["message"].startswith(problem)
        with pytest.raises(Unavailable, match="404"):
            await asyncio.to_thread(billed_tokens, f"{bill.address}/nowhere", ADMIN, FIRST, FIRST)

    run(scenario)


def test_without_a_grouping_a_day_is_one_line() -> None:
    async def scenario(bill: Bill) -> None:
        await bill.call("claude-haiku-4-5", "one")
        await bill.call("claude-sonnet-5-5", "two")
        headers = {"x-api-key": ADMIN, "anthropic-version": "2023-06-01"}
        for report, field in (("usage_report/messages", "output_tokens"), ("cost_report", "amount")):
            query = f"starting_at={FIRST}T00:00:00Z&ending_at={FIRST + timedelta(days=9)}T00:00:00Z"
            async with bill.http.get(f"/v1/organizations/{report}?{query}", headers=headers) as response:
                page = await response.json()
            assert (len(page["data"]), page["has_more"]) == (7, True)
            (line,) = page["data"][0]["results"]
            ours = sum(bill.books.values(), Usage())
            assert Decimal(line[field]) == (ours.tokens.output if field == "output_tokens" else ours.cost_usd * 100)

    run(scenario)
