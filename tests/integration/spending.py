"""Model calls of days past, written as the agent writes them: a ledger row, settled with its counters."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from manyclaw.aws import transact
from manyclaw.billing import Call, Settlement, Tokens, begin, settle
from manyclaw.tenancy import GatewayConfig, TenantScope


def spend(scope: TenantScope, gateway: GatewayConfig, call: Call, tokens: Tokens, tool_calls: int = 0) -> Decimal:
    """One settled call; gives its cost in USD."""
    done = Settlement(
        tokens, gateway.rates(call.model, call.day), f"req_{call.turn}_{call.number}", "end_turn", tool_calls
    )
    transact(scope.clients.dynamodb, [begin(scope, call)])
    transact(scope.clients.dynamodb, settle(scope, call, done, call.began_at))
    return done.cost


def spend_days(
    scope: TenantScope, gateway: GatewayConfig, days: int, *, models: tuple[str, ...], users: int = 6, seed: int = 1
) -> None:
    """A plausible use of the last ``days`` days up to now: every user and model, more on workdays."""
    chance = random.Random(seed)
    now = datetime.now(UTC)
    for back in range(days):
        moment = now - timedelta(days=back)
        busy = 0.35 if moment.weekday() >= 5 else 1.0
        for number, model in enumerate(models):
            if number and chance.random() < 0.2:
                continue
            for user in range(users):
                if chance.random() > busy / (1 + user * 0.25):
                    continue
                size = busy * chance.uniform(0.6, 1.4) / (1 + user * 0.5) / (1 + number)
                tokens = Tokens(
                    input=int(9_000 * size),
                    output=int(31_000 * size),
                    cache_read=int(820_000 * size),
                    cache_write_5m=int(46_000 * size),
                    cache_write_1h=int(12_000 * size) if number == 0 else 0,
                )
                source = "chat" if user % 3 else "schedule"
                turn = f"{moment:%Y%m%d}-{seed}-{number}-{user}"
                call = Call(turn, 1, model, str(90_210_400 + user * 37), source, moment)
                spend(scope, gateway, call, tokens, tool_calls=chance.randrange(4))
