"""Tokens, and each tenant's limits, bot, skills and MCP servers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cli.checks.finding import Check, Finding
from cli.context import Operator
from manyclaw.errors import ManyclawError

if TYPE_CHECKING:
    from manyclaw.access import Token
    from manyclaw.tenancy import Overlay, TenantScope

OPERATOR_TOKENS = 5
UNUSED_DAYS = 90
OLD_DAYS = 365
SECRET_DAYS = 180


class TenantChecks:
    """The checks of one tenant; of the operator's own tokens without one."""

    def __init__(self, operator: Operator, now: datetime | None = None) -> None:
        self._operator = operator
        self._now = now or datetime.now(UTC)

    def operator_checks(self) -> dict[str, tuple[str, Check]]:
        """What belongs to no tenant."""
        return {"operator-tokens": ("operator", self.operator_tokens)}

    def checks(self, tenant: str) -> dict[str, tuple[str, Check]]:
        """One tenant's checks, by name."""
        where = f"tenant {tenant}"
        named = (
            ("tokens", self.tokens),
            ("limits", self.limits),
            ("channel", self.channel),
            ("overlay", self.overlay),
            ("mcp", self.mcp),
            ("skills", self.skills),
        )
        return {name: (where, lambda check=check: check(tenant)) for name, check in named}  # type: ignore[misc]

    def operator_tokens(self) -> Iterator[Finding]:
        tokens = self._operator.tokens.of(None)
        if len(tokens) > OPERATOR_TOKENS:
            what = f"There are {len(tokens)} operator tokens, each of which reads every tenant's usage."
            yield Finding("operator-tokens", "medium", what, "operator", "manyclaw tokens list --operator")
        for token in tokens:
            if token.expires_at is None:
                what = f"The operator token {token.id} ({token.name or 'no name'}) never expires."
                yield Finding("operator-tokens", "medium", what, "operator", _rotate(token, "--operator"))
            yield from self._age(token, "operator", "--operator")

    def tokens(self, tenant: str) -> Iterator[Finding]:
        for token in self._operator.tokens.of(tenant):
            if token.expires_at is None and any(scope.endswith(":write") for scope in token.scopes):
                what = f"The token {token.id}, which may change things, never expires."
                yield Finding("tokens", "low", what, f"tenant {tenant}", _rotate(token, f"--tenant {tenant}"))
            yield from self._age(token, f"tenant {tenant}", f"--tenant {tenant}")

    def _age(self, token: Token, where: str, option: str) -> Iterator[Finding]:
        revoke = f"manyclaw tokens revoke {token.id} {option}"
        created = datetime.fromisoformat(token.created_at)
        used = datetime.fromisoformat(token.last_used) if token.last_used else None
        if (used or created) < self._now - timedelta(days=UNUSED_DAYS):
            since = "was never used" if used is None else f"was last used {used:%Y-%m-%d}"
            yield Finding("tokens", "low", f"The token {token.id} {since}.", where, revoke)
        elif created < self._now - timedelta(days=OLD_DAYS):
            what = f"The token {token.id} is older than {OLD_DAYS} days."
            yield Finding("tokens", "low", what, where, _rotate(token, option))

    def limits(self, tenant: str) -> Iterator[Finding]:
        from manyclaw.billing import ordered_limits

        limits = ordered_limits(self._operator.table, self._operator.registry.get(tenant).tenant)
        update = f"manyclaw tenants quota update {tenant}"
        if not limits.daily:
            what = "Nothing limits what it may cost in a day."
            yield Finding("limits", "medium", what, f"tenant {tenant}", f"{update} --cost-per-day-usd 25")
        elif not limits.user:
            what = "One end user may use up the tenant's whole limit."
            yield Finding("limits", "low", what, f"tenant {tenant}", f"{update} --per-user-cost-per-day-usd 1")

    def channel(self, tenant: str) -> Iterator[Finding]:
        from manyclaw.telegram import channel_status, load_pairing, open_bot

        scope, default = self._operator.scopes.open(tenant), self._operator.stage.telegram_api_urls[0]
        where, pair = f"tenant {tenant}", f"manyclaw channels pair telegram --tenant {tenant} --token -"
        status = channel_status(scope, self._operator.table, default)
        for problem in status.problems:
            yield Finding("channel", "high", problem, where, pair)
        pairing = load_pairing(scope)
        if pairing is None or status.problems:
            return
        if datetime.fromisoformat(pairing.paired_at) < self._now - timedelta(days=SECRET_DAYS):
            what = f"The webhook's secret is older than {SECRET_DAYS} days; pairing again makes a new one."
            yield Finding("channel", "low", what, where, pair)
        me = open_bot(scope, pairing, default).call("getMe", timeout=5)
        if me.get("can_read_all_group_messages") and self._overlay(scope).groups != "all":
            what = "Telegram gives the bot every message of its groups, though it answers only some."
            yield Finding("channel", "low", what, where, "@BotFather: /setprivacy, the bot, Enable.")

    def overlay(self, tenant: str) -> Iterator[Finding]:
        from manyclaw.tenancy import load_overlay

        scope = self._operator.scopes.open(tenant)
        loaded = load_overlay(scope, self._operator.gateway, self._operator.tools_of(scope))
        edit = f"manyclaw tenants config edit {tenant}"
        if loaded.problem:
            what = "Its config.yaml is broken; the last good one is in force."
            yield Finding("overlay", "medium", what, f"tenant {tenant}", edit)
        if not loaded.overlay.owners:
            what = "It names no owners, so nobody is told of limits and broken configuration."
            yield Finding("overlay", "low", what, f"tenant {tenant}", edit)

    def mcp(self, tenant: str) -> Iterator[Finding]:
        from manyclaw.mcp import list_tokens

        scope = self._operator.scopes.open(tenant)
        servers = {each.name: each.host for each in self._overlay(scope).mcp_servers}
        for kept in list_tokens(scope):
            forget = f"manyclaw mcp forget {tenant} {kept.server}"
            if kept.server not in servers:
                what = f"A token for {kept.host} is stored that no server uses."
                yield Finding("mcp", "low", what, f"tenant {tenant}", forget)
            elif servers[kept.server] != kept.host:
                what = f"{kept.server} is now at {servers[kept.server]}; its token is for {kept.host} and is not sent."
                yield Finding("mcp", "medium", what, f"tenant {tenant}", forget)

    def skills(self, tenant: str) -> Iterator[Finding]:
        from manyclaw.skills import load_index

        scope = self._operator.scopes.open(tenant)
        allowed = set(self._overlay(scope).allowed_tools)
        for skill in load_index(scope).skills:
            if skill.secrets and not {tool.name for tool in skill.tools} & allowed:
                what = f"The skill {skill.name} has secrets ({', '.join(skill.secrets)}) and no tool that is allowed."
                mend = f"manyclaw skills remove {tenant} {skill.name}"
                yield Finding("skills", "low", what, f"tenant {tenant}", mend)

    def _overlay(self, scope: TenantScope) -> Overlay:
        from manyclaw.tenancy import load_overlay

        return load_overlay(scope, self._operator.gateway, self._operator.tools_of(scope)).overlay


def _rotate(token: Token, option: str) -> str:
    return f"manyclaw tokens create {option} --days 90, then manyclaw tokens revoke {token.id} {option}"


def basic(operator: Operator) -> dict[str, tuple[str, Check]]:
    """Whether the deployment works at all: what ``manyclaw doctor`` looks at without ``--security``."""

    def health() -> Iterator[Finding]:
        from cli.health import health

        state = health(operator.stage)
        if state != "ok":
            yield Finding("health", "critical", state, operator.stage.public_url, "Look into the functions' logs.")

    def configured() -> Iterator[Finding]:
        try:
            _ = operator.gateway
        except ManyclawError as error:
            yield Finding("config", "critical", error.message, "config.yaml", "manyclaw stack config set FILE")

    return {"health": (operator.stage.public_url, health), "config": ("config.yaml", configured)}
