"""Money: the ledger, its counters, prices, limits and reports. It knows tenants and models, and nothing of Telegram.

Who only reads wants :func:`usage_report` (by day, model, user or source, from counters) and :func:`quota_status` (each
limit with used, reserved, remaining and resets_at); both take a TenantScope.
"""

from typing import TYPE_CHECKING

from manyclaw.front import lazy

if TYPE_CHECKING:
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
    from manyclaw.billing.notices import claim_warning as claim_warning
    from manyclaw.billing.notices import tell_once as tell_once
    from manyclaw.billing.quota import Quota as Quota
    from manyclaw.billing.quota import ordered_limits as ordered_limits
    from manyclaw.billing.quota import quota_status as quota_status
    from manyclaw.billing.quota import quotas as quotas
    from manyclaw.billing.quota import read_limits as read_limits
    from manyclaw.billing.quota import set_limits as set_limits
    from manyclaw.billing.reservations import Gate as Gate
    from manyclaw.billing.reservations import OverLimit as OverLimit
    from manyclaw.billing.usage import Tokens as Tokens
    from manyclaw.billing.windows import Hold as Hold
    from manyclaw.billing.windows import Window as Window
    from manyclaw.billing.windows import Windows as Windows
else:
    __getattr__ = lazy(
        __name__,
        {
            "Allowance": "limits",
            "CURRENCY": "counters",
            "Call": "ledger",
            "DayUsage": "counters",
            "Gate": "reservations",
            "GroupBy": "counters",
            "Hold": "windows",
            "LedgerRow": "ledger",
            "Limits": "limits",
            "OverLimit": "reservations",
            "Quota": "quota",
            "Settlement": "ledger",
            "SourceUsage": "counters",
            "Tokens": "usage",
            "Usage": "counters",
            "UsageGroup": "counters",
            "UsageReport": "counters",
            "Window": "windows",
            "Windows": "windows",
            "Worst": "holding",
            "begin": "ledger",
            "claim_warning": "notices",
            "ledger_rows": "ledger",
            "ordered_limits": "quota",
            "quota_status": "quota",
            "quotas": "quota",
            "read_limits": "quota",
            "refuse": "ledger",
            "set_limits": "quota",
            "settle": "ledger",
            "tell_once": "notices",
            "total_key": "counters",
            "usage_by_day": "counters",
            "usage_by_source": "counters",
            "usage_report": "counters",
            "user_key": "counters",
        },
    )
