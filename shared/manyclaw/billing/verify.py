"""Recomputing a period from the ledger, and comparing whatever was derived from it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from manyclaw.billing.counters import Usage, usage_by_source, usage_report, usage_totals
from manyclaw.billing.ledger import LedgerRow, ledger_rows
from manyclaw.billing.reports import closes_at, from_csv, money
from manyclaw.billing.windows import read_windows
from manyclaw.errors import Misconfigured
from manyclaw.tenancy import GatewayConfig, TenantScope

type Name = tuple[str, ...]


@dataclass(frozen=True)
class Difference:
    """Two books that do not agree. ``what`` names the place, e.g. ``counter 2026-11-22 claude-haiku-4-5 chat``."""

    tenant: str
    what: str
    ledger: str
    found: str


@dataclass(frozen=True)
class OpenCall:
    """A model call that began and never settled: it may have been served and billed, or not."""

    tenant: str
    row: LedgerRow


@dataclass
class Verification:
    """What a verification found. It is clean when ``differences`` is empty; open calls are told apart."""

    first: date
    last: date
    tenants: int = 0
    rows: int = 0
    refused: int = 0
    total: Usage = field(default_factory=Usage)
    by_model: dict[tuple[str, str], Usage] = field(default_factory=dict)
    open_calls: list[OpenCall] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)
    reports: int = 0


class Verifier:
    """Verifies tenant after tenant.

    Parameters
    ----------
    read_csv
        The stored CSV of a day as text, or None.
    now
        Which days are closed, and so must have a CSV, and which calls are open rather than under way.
    """

    def __init__(
        self, gateway: GatewayConfig, read_csv: Callable[[date], str | None], first: date, last: date, now: datetime
    ) -> None:
        self._gateway = gateway
        self._now = now
        self.found = Verification(first, last)
        self._csv: dict[tuple[str, str, str], Usage] = {}
        self._reported: set[str] = set()
        day = first
        while day <= last:
            text = read_csv(day) if closes_at(day) <= now else None
            if text is not None:
                self._csv |= from_csv(text)
                self._reported.add(str(day))
            day += timedelta(days=1)
        self.found.reports = len(self._reported)

    def tenant(self, scope: TenantScope) -> None:
        """Recompute one tenant's period from its ledger rows and compare counters and CSV rows with it."""
        first, last = self.found.first, self.found.last
        sums: dict[Name, Usage] = defaultdict(Usage)
        for row in ledger_rows(scope, first, last):
            self._row(scope.tenant, row, sums)
        counters: dict[Name, Usage] = {}
        for each in usage_by_source(scope, first, last):
            if each.requests:
                name = ("counter", str(each.day), each.model, each.source)
                counters[name] = counters.get(name, Usage()) + each
        for day, usage in usage_totals(scope, first, last).items():
            counters["counter", str(day), "all"] = usage
        for group in usage_report(scope, first, last, "user").groups:
            counters["counter", "user", group.name] = group.usage
        expected = {name: usage for name, usage in sums.items() if name[0] == "counter"}
        self._compare(scope.tenant, expected, counters)
        self._reports(scope.tenant, sums)
        self._reservations(scope)
        self.found.tenants += 1

    def _row(self, tenant: str, row: LedgerRow, sums: dict[Name, Usage]) -> None:
        self.found.rows += 1
        began = datetime.fromisoformat(row.began_at)
        day = began.astimezone(UTC).date()
        if row.state == "refused":
            self.found.refused += 1
        if row.state == "begun":
            self.found.open_calls.append(OpenCall(tenant, row))
        if row.state != "settled":
            return
        usage = Usage(1, row.tool_calls, row.tokens, row.cost_usd)
        for name in (
            ("counter", str(day), row.model, row.source),
            ("counter", str(day), "all"),
            ("counter", "user", row.user),
            ("csv", str(day), row.model),
        ):
            sums[name] += usage
        model = (str(day), row.model)
        self.found.by_model[model] = self.found.by_model.get(model, Usage()) + usage
        self.found.total += usage
        self._price(tenant, row, day)

    def _price(self, tenant: str, row: LedgerRow, day: date) -> None:
        what = f"price of {row.turn} call {row.number} ({row.model}, {day})"
        try:
            cost = row.tokens.cost(self._gateway.rates(row.model, day))
        except Misconfigured:
            self._differ(tenant, what, money(row.cost_usd), "no price on the rate card")
            return
        if cost != row.cost_usd:
            self._differ(tenant, what, money(row.cost_usd), f"{money(cost)} by the rate card")

    def _reports(self, tenant: str, sums: dict[Name, Usage]) -> None:
        expected: dict[Name, Usage] = {
            ("csv", name[1], name[2]): usage
            for name, usage in sums.items()
            if name[0] == "csv" and name[1] in self._reported
        }
        reported: dict[Name, Usage] = {
            ("csv", day, model): usage for (day, whose, model), usage in self._csv.items() if whose == tenant
        }
        self._compare(tenant, expected, reported)
        for day in sorted({name[1] for name in sums if name[0] == "csv"} - self._reported):
            if closes_at(date.fromisoformat(day)) <= self._now:
                self._differ(tenant, f"csv {day}", "used", "no file")

    def _reservations(self, scope: TenantScope) -> None:
        """What today's counters say is taken is what is used plus what calls under way have reserved."""
        window = read_windows(scope, self._now).tenant
        held = sum((hold.usd for hold in window.holds), Decimal(0))
        if window.taken_usd != window.usage.cost_usd + held and window.taken_tokens:
            self._differ(
                scope.tenant, "reserved today", money(window.usage.cost_usd + held), f"{money(window.taken_usd)} taken"
            )

    def _compare(self, tenant: str, expected: dict[Name, Usage], found: dict[Name, Usage]) -> None:
        for name in sorted({*expected, *found}):
            ours, theirs = expected.get(name, Usage()), found.get(name, Usage())
            if ours != theirs:
                self._differ(tenant, " ".join(name), _text(ours), _text(theirs))

    def _differ(self, tenant: str, what: str, ledger: str, found: str) -> None:
        self.found.differences.append(Difference(tenant, what, ledger, found))


def verify_books(
    scopes: Iterable[TenantScope],
    gateway: GatewayConfig,
    read_csv: Callable[[date], str | None],
    first: date,
    last: date,
    now: datetime,
) -> Verification:
    """Recompute ``first`` to ``last`` from every tenant's ledger and compare counters, prices and CSV with it.

    While turns run, a day's ledger and counters are read at different moments and may seem to differ: verify closed
    days, or run it again.
    """
    verifier = Verifier(gateway, read_csv, first, last, now)
    for scope in scopes:
        verifier.tenant(scope)
    return verifier.found


def _text(usage: Usage) -> str:
    tokens = usage.tokens
    return (
        f"{usage.requests} requests, {tokens.input}+{tokens.output}+{tokens.cache_read}+{tokens.cache_write_5m}"
        f"+{tokens.cache_write_1h} tokens, {money(usage.cost_usd)} USD"
    )
