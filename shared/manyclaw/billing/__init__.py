"""Money: the ledger, its counters, prices, limits and reports. It knows tenants and models, and nothing of Telegram.

Who only reads wants :func:`usage_report` (by day, model, user or source, from counters) and :func:`quota_status` (each
limit with used, reserved, remaining and resets_at); both take a TenantScope.
"""

from typing import TYPE_CHECKING

from manyclaw.front import lazy

if TYPE_CHECKING:
    from manyclaw.billing.anthropic_bill import billed_costs as billed_costs
    from manyclaw.billing.anthropic_bill import billed_tokens as billed_tokens
    from manyclaw.billing.anthropic_bill import compare_bill as compare_bill
    from manyclaw.billing.counters import CURRENCY as CURRENCY
    from manyclaw.billing.counters import DayUsage as DayUsage
    from manyclaw.billing.counters import GroupBy as GroupBy
    from manyclaw.billing.counters import SourceUsage as SourceUsage
    from manyclaw.billing.counters import Usage as Usage
    from manyclaw.billing.counters import UsageGroup as UsageGroup
    from manyclaw.billing.counters import UsageReport as UsageReport
    from manyclaw.billing.counters import total_key as total_key
    from manyclaw.billing.counters import usage_by_day as usage_by_day
    from manyclaw.billing.counters import usage_by_source as usage_by_source
    from manyclaw.billing.counters import usage_report as usage_report
    from manyclaw.billing.counters import user_key as user_key
    from manyclaw.billing.holding import Worst as Worst
    from manyclaw.billing.ledger import Call as Call
    from manyclaw.billing.ledger import LedgerRow as LedgerRow
    from manyclaw.billing.ledger import Settlement as Settlement
    from manyclaw.billing.ledger import begin as begin
    from manyclaw.billing.ledger import ledger_rows as ledger_rows
    from manyclaw.billing.ledger import refuse as refuse
    from manyclaw.billing.ledger import settle as settle
    from manyclaw.billing.limits import Allowance as Allowance
    from manyclaw.billing.limits import Limits as Limits
    from manyclaw.billing.nightly import Written as Written
    from manyclaw.billing.nightly import closed_days as closed_days
    from manyclaw.billing.nightly import write_days as write_days
    from manyclaw.billing.notices import claim_warning as claim_warning
    from manyclaw.billing.notices import tell_once as tell_once
    from manyclaw.billing.quota import Quota as Quota
    from manyclaw.billing.quota import ordered_limits as ordered_limits
    from manyclaw.billing.quota import quota_status as quota_status
    from manyclaw.billing.quota import quotas as quotas
    from manyclaw.billing.quota import read_limits as read_limits
    from manyclaw.billing.quota import set_limits as set_limits
    from manyclaw.billing.rate_card import PriceChange as PriceChange
    from manyclaw.billing.rate_card import change_price as change_price
    from manyclaw.billing.rate_card import unpriced_tenants as unpriced_tenants
    from manyclaw.billing.reports import COLUMNS as COLUMNS
    from manyclaw.billing.reports import ROLLUP_COLUMNS as ROLLUP_COLUMNS
    from manyclaw.billing.reports import ReportRow as ReportRow
    from manyclaw.billing.reports import by_tenant as by_tenant
    from manyclaw.billing.reports import closes_at as closes_at
    from manyclaw.billing.reports import from_csv as from_csv
    from manyclaw.billing.reports import money as money
    from manyclaw.billing.reports import read_report as read_report
    from manyclaw.billing.reports import report as report
    from manyclaw.billing.reports import report_key as report_key
    from manyclaw.billing.reports import rollup as rollup
    from manyclaw.billing.reports import to_csv as to_csv
    from manyclaw.billing.reports import values as values
    from manyclaw.billing.reservations import Gate as Gate
    from manyclaw.billing.reservations import OverLimit as OverLimit
    from manyclaw.billing.tenants import Markups as Markups
    from manyclaw.billing.tenants import billed_tenants as billed_tenants
    from manyclaw.billing.tenants import read_markups as read_markups
    from manyclaw.billing.tenants import set_markup as set_markup
    from manyclaw.billing.turns import TurnUsage as TurnUsage
    from manyclaw.billing.turns import turn_usage as turn_usage
    from manyclaw.billing.usage import Tokens as Tokens
    from manyclaw.billing.verify import Difference as Difference
    from manyclaw.billing.verify import OpenCall as OpenCall
    from manyclaw.billing.verify import Verification as Verification
    from manyclaw.billing.verify import verify_books as verify_books
    from manyclaw.billing.windows import Hold as Hold
    from manyclaw.billing.windows import Window as Window
    from manyclaw.billing.windows import Windows as Windows
else:
    __getattr__ = lazy(
        __name__,
        {
            "Allowance": "limits",
            "COLUMNS": "reports",
            "CURRENCY": "counters",
            "Call": "ledger",
            "DayUsage": "counters",
            "Difference": "verify",
            "Gate": "reservations",
            "GroupBy": "counters",
            "Hold": "windows",
            "LedgerRow": "ledger",
            "Limits": "limits",
            "Markups": "tenants",
            "OpenCall": "verify",
            "OverLimit": "reservations",
            "PriceChange": "rate_card",
            "Quota": "quota",
            "ROLLUP_COLUMNS": "reports",
            "ReportRow": "reports",
            "Settlement": "ledger",
            "SourceUsage": "counters",
            "Tokens": "usage",
            "TurnUsage": "turns",
            "Usage": "counters",
            "UsageGroup": "counters",
            "UsageReport": "counters",
            "Verification": "verify",
            "Window": "windows",
            "Windows": "windows",
            "Worst": "holding",
            "Written": "nightly",
            "begin": "ledger",
            "billed_costs": "anthropic_bill",
            "billed_tenants": "tenants",
            "billed_tokens": "anthropic_bill",
            "by_tenant": "reports",
            "change_price": "rate_card",
            "claim_warning": "notices",
            "closed_days": "nightly",
            "closes_at": "reports",
            "compare_bill": "anthropic_bill",
            "from_csv": "reports",
            "ledger_rows": "ledger",
            "money": "reports",
            "ordered_limits": "quota",
            "quota_status": "quota",
            "quotas": "quota",
            "read_limits": "quota",
            "read_markups": "tenants",
            "read_report": "reports",
            "refuse": "ledger",
            "report": "reports",
            "report_key": "reports",
            "rollup": "reports",
            "set_limits": "quota",
            "set_markup": "tenants",
            "settle": "ledger",
            "turn_usage": "turns",
            "tell_once": "notices",
            "to_csv": "reports",
            "total_key": "counters",
            "unpriced_tenants": "rate_card",
            "usage_by_day": "counters",
            "usage_by_source": "counters",
            "usage_report": "counters",
            "user_key": "counters",
            "values": "reports",
            "verify_books": "verify",
            "write_days": "nightly",
        },
    )
