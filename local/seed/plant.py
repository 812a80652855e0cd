"""Planting the seed: what is missing is made, what is there is left alone."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import urllib3

from cli.context import Operator
from cli.stage import Stage, local_stage
from manyclaw.agent import tool_names
from manyclaw.errors import Conflict, ManyclawError, Misconfigured, Unavailable
from manyclaw.settings import REAL_TELEGRAM
from manyclaw.skills import install, read_folder
from manyclaw.telegram import Pairing, is_public, load_pairing, open_bot, pair, webhook_address
from manyclaw.tenancy import Tenant, TenantScope, read_gateway_config, save_gateway_config, save_overlay, utc_now

_HERE = Path(__file__).parent
_SKILLS = _HERE.parents[1] / "examples" / "skills"
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SeedTenant:
    """A tenant of the seed, its bot in the simulated Telegram, and its skill of examples/skills."""

    tenant: str
    display_name: str
    username: str
    bot_name: str
    skill: str

    @property
    def overlay(self) -> str:
        return (_HERE / f"{self.tenant}.yaml").read_text(encoding="utf-8")


SEED_TENANTS = (
    SeedTenant("customer-acme", "Acme Restaurants", "acme_tables_bot", "Acme Reservations", "restaurant-bookings"),
    SeedTenant("customer-globex", "Globex Translations", "globex_translate_bot", "Globex Translator", "translate"),
)


def seed(stack: Mapping[str, Any]) -> None:
    """Bring the embedded stack that ``stack`` (stack.json's content) describes to its first state.

    Idempotent, and well under a second when nothing is to be done. Afterwards every pairing follows the address that
    the stack has now, so that another port or ``MANYCLAW_PUBLIC_URL`` needs no pairing by hand.

    Raises
    ------
    ManyclawError
        Something essential could not be made; running it again goes on from there.
    """
    operator = Operator(local_stage(stack))
    _plant_gateway_config(operator.stage)
    simulator = str(stack["telegram_api_url"]).rstrip("/") if stack["telegram_is_simulated"] else ""
    if simulator:
        with ThreadPoolExecutor(len(SEED_TENANTS)) as pool:
            list(pool.map(lambda each: _plant(operator, each, simulator), SEED_TENANTS))
    _follow_address(operator, simulator)


def _plant_gateway_config(stage: Stage) -> None:
    try:
        read_gateway_config(stage.clients, stage.settings)
    except Misconfigured:
        text = (_HERE / "config.yaml").read_text(encoding="utf-8")
        save_gateway_config(stage.clients, stage.settings, text, etag="")


def _plant(operator: Operator, wanted: SeedTenant, simulator: str) -> None:
    marker = f"SEED#{wanted.tenant}"
    if operator.table.get(marker):
        return
    with suppress(Conflict):
        operator.registry.create(
            wanted.tenant, wanted.display_name, prepare=lambda scope: _overlay(operator, scope, wanted)
        )
    scope = operator.scope(wanted.tenant)
    if load_pairing(scope) is None:
        _pair(operator, scope, simulated_token(simulator, wanted.username, wanted.bot_name))
    operator.table.put(marker, {"at": utc_now()})


def _overlay(operator: Operator, scope: TenantScope, wanted: SeedTenant) -> None:
    install(scope, read_folder(_SKILLS / wanted.skill), tool_names())
    save_overlay(scope, wanted.overlay, operator.gateway, operator.tools_of(scope))


def _pair(operator: Operator, scope: TenantScope, token: str) -> None:
    stage = operator.stage
    pair(
        scope,
        operator.table,
        token,
        api_urls=stage.telegram_api_urls,
        webhook_base=stage.public_url,
        allow_relay=stage.allow_relay,
    )


def _follow_address(operator: Operator, simulator: str) -> None:
    """Pair anew what was paired for another address of this stack, or with a bot that the simulator has lost."""
    known = {int(bot["id"]): str(bot["webhook"]) for bot in _sim(simulator, "GET")["bots"]} if simulator else None
    seeded = {each.tenant: each for each in SEED_TENANTS}

    def follow(tenant: Tenant) -> None:
        scope = operator.scopes.open(tenant.tenant)
        pairing = load_pairing(scope)
        if pairing is None or tenant.status == "deleting":
            return
        address = _expected_address(operator.stage, pairing, tenant.tenant)
        simulated = known is not None and not pairing.api_url
        if simulated and pairing.bot_id not in (known or {}):
            wanted = seeded.get(tenant.tenant)
            if wanted and wanted.username == pairing.username:
                _pair(operator, scope, simulated_token(simulator, wanted.username, wanted.bot_name))
        elif pairing.webhook_url != address or (known and simulated and known[pairing.bot_id] != address):
            _pair(operator, scope, open_bot(scope, pairing, operator.stage.telegram_api_urls[0]).token)

    def try_to_follow(tenant: Tenant) -> None:
        try:
            follow(tenant)
        except ManyclawError as error:
            _log.warning("the bot of tenant %s could not follow the new address: %s", tenant.tenant, error)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(try_to_follow, operator.registry.all()))


def _expected_address(stage: Stage, pairing: Pairing, tenant: str) -> str:
    address = webhook_address(stage.public_url, tenant)
    api_url = pairing.api_url or stage.telegram_api_urls[0]
    return "" if stage.allow_relay and api_url == REAL_TELEGRAM and not is_public(address) else address


def simulated_token(simulator: str, username: str, name: str) -> str:
    """The token of a bot of the simulated Telegram at ``simulator``, which is made if it is not there."""
    return str(_sim(simulator, "POST", {"username": username, "name": name})["token"])


def _sim(simulator: str, method: str, body: dict[str, str] | None = None) -> dict[str, Any]:
    try:
        answer = urllib3.request(method, f"{simulator}/_sim/bots", json=body, retries=False, timeout=5.0)
        found: dict[str, Any] = json.loads(answer.data)
    except (urllib3.exceptions.HTTPError, ValueError) as error:
        raise Unavailable(f"The simulated Telegram at {simulator} did not answer ({type(error).__name__}).") from None
    if "error" in found:
        raise Misconfigured(f"The simulated Telegram refused: {found['error']}")
    return found
