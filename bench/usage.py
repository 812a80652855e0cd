"""How fast the usage API is: a month of a tenant whose ledger has many rows, by the handler's own clock.

``python -m bench.usage [rows] [users]`` with MANYCLAW_STATE naming a running stack's folder. Rows are written straight
into the ledger, and the counters that their settlements would have added up to beside them; ``billing verify`` agrees.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

from cli.stage import stack_file
from manyclaw.aws import to_item
from manyclaw.billing import Call, Settlement, Tokens, Usage, total_key, user_key
from manyclaw.billing.counters import source_key
from manyclaw.tenancy import GatewayConfig, Key, TenantScope
from tests.integration.world import World

DAYS = 31
MODELS = ("claude-haiku-4-5", "claude-sonnet-4-6")
SOURCES = ("chat", "schedule")
ASKED = 100
GROUPS = ("day", "model", "user", "source")


def main() -> int:
    """Plant, ask, print."""
    given = [int(each) for each in sys.argv[1:]]
    rows, users = (*given, *(100_000, 20)[len(given) :])
    world = World(stack_file())
    scope = world.customer().scope
    began = time.monotonic()
    plant(scope, world.operator.gateway, rows, users)
    print(f"{rows:,} ledger rows of {users} users over {DAYS} days: planted in {time.monotonic() - began:.0f} s")
    token = world.operator.tokens.create(scope.tenant, ["usage:read"], "bench")[0]
    for group_by in GROUPS:
        times = sorted(ask(world, scope.tenant, token, group_by) for _ in range(ASKED))
        median, late = times[ASKED // 2], times[ASKED * 95 // 100]
        print(f"usage by {group_by:<6} median {median:>5.0f} ms, p95 {late:>5.0f} ms")
    return 0


def plant(scope: TenantScope, gateway: GatewayConfig, rows: int, users: int) -> None:
    """Write ``rows`` settled calls, spread evenly, and their counters."""
    sums: dict[Key, tuple[Usage, dict[str, str]]] = {}
    items: list[dict[str, Any]] = []
    for call, done in _calls(gateway, rows, users):
        began = call.began_at.isoformat(timespec="milliseconds")
        key = call.key(scope)
        names = {"model": call.model, "source": call.source}
        row = {"state": "settled", "turn": call.turn, "number": 1, "user": call.user, "began_at": began, **names}
        items.append({"pk": key.pk, "sk": key.sk, **row, "request_id": call.turn, **done.usage.as_attributes()})
        counted = {"day": str(call.day), **names}
        for counter, texts in (
            (source_key(scope, call.day, call.model, call.source), counted),
            (user_key(scope, call.day, call.user), {}),
            (total_key(scope, call.day), {}),
        ):
            before, _ = sums.get(counter, (Usage(), texts))
            sums[counter] = (before + done.usage, texts)
    items += [_counter(key, usage, texts) for key, (usage, texts) in sums.items()]

    def write(start: int) -> None:
        for item in items[start:][:250]:
            scope.clients.dynamodb.put_item(TableName=scope.table, Item=to_item(item))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(0, len(items), 250)))


def _calls(gateway: GatewayConfig, rows: int, users: int) -> Iterator[tuple[Call, Settlement]]:
    now = datetime.now(UTC)
    for number in range(rows):
        model, source = MODELS[number // users % 2], SOURCES[number // users // 2 % 2]
        call = Call(
            f"bench-{number}", 1, model, str(10_000 + number % users), source, now - timedelta(days=number % DAYS)
        )
        tokens = Tokens(
            input=number % 97, output=300 + number % 211, cache_read=8_000 + number % 13, cache_write_5m=700
        )
        yield call, Settlement(tokens, gateway.rates(model, call.day), call.turn, "end_turn", number % 3)


def _counter(key: Key, usage: Usage, texts: dict[str, str]) -> dict[str, Any]:
    taken = {} if texts else {"taken_tokens": usage.tokens.total, "taken_usd": usage.cost_usd}
    return {"pk": key.pk, "sk": key.sk, **usage.as_attributes(), **texts, **taken}


def ask(world: World, tenant: str, token: str, group_by: str) -> float:
    """Ask once; milliseconds in the handler."""
    today = datetime.now(UTC).date()
    period = f"from={today - timedelta(days=DAYS - 1)}&to={today}"
    url = f"{world.stack['front_door']}/v1/tenants/{tenant}/usage?{period}&group_by={group_by}"
    answer = world.request("GET", url, headers={"Authorization": f"Bearer {token}"})
    assert answer.status == 200, answer.data
    assert json.loads(answer.data)["totals"]["requests"]
    return float(answer.headers["Server-Timing"].removeprefix("app;dur="))


if __name__ == "__main__":
    sys.exit(main())
