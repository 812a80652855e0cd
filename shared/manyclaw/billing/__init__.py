"""Money: the ledger, its counters, and the prices. It knows tenants and models, and nothing of Telegram."""

from typing import TYPE_CHECKING

from manyclaw.front import lazy

if TYPE_CHECKING:
    from manyclaw.billing.ledger import Call as Call
    from manyclaw.billing.ledger import DayUsage as DayUsage
    from manyclaw.billing.ledger import LedgerRow as LedgerRow
    from manyclaw.billing.ledger import Settlement as Settlement
    from manyclaw.billing.ledger import begin as begin
    from manyclaw.billing.ledger import ledger_rows as ledger_rows
    from manyclaw.billing.ledger import refuse as refuse
    from manyclaw.billing.ledger import settle as settle
    from manyclaw.billing.ledger import usage_by_day as usage_by_day
    from manyclaw.billing.turns import TurnUsage as TurnUsage
    from manyclaw.billing.turns import turn_usage as turn_usage
    from manyclaw.billing.usage import Tokens as Tokens
else:
    __getattr__ = lazy(
        __name__,
        {
            "Call": "ledger",
            "DayUsage": "ledger",
            "LedgerRow": "ledger",
            "Settlement": "ledger",
            "Tokens": "usage",
            "TurnUsage": "turns",
            "begin": "ledger",
            "ledger_rows": "ledger",
            "refuse": "ledger",
            "settle": "ledger",
            "turn_usage": "turns",
            "usage_by_day": "ledger",
        },
    )
