"""What the function keeps from one request to the next, made at its first use."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property

from manyclaw.access import Gate, Throttle, WebSessions
from manyclaw.aws import Clients
from manyclaw.settings import Settings, settings
from manyclaw.tenancy import (
    ACCESS_PARTITION,
    GatewayConfig,
    GatewayTable,
    Registry,
    ScopeFactory,
    TenantScope,
    load_gateway_config,
)


@dataclass(frozen=True)
class Runtime:
    """The function's own clients, and what stands on them."""

    settings: Settings
    clients: Clients

    @cached_property
    def gateway_table(self) -> GatewayTable:
        return GatewayTable(self.settings, self.clients)

    @cached_property
    def access_table(self) -> GatewayTable:
        return GatewayTable(self.settings, self.clients, ACCESS_PARTITION)

    @cached_property
    def scopes(self) -> ScopeFactory:
        return ScopeFactory(self.settings, self.clients)

    @cached_property
    def registry(self) -> Registry:
        return Registry(self.gateway_table, self.scopes)

    @cached_property
    def gate(self) -> Gate:
        from functions.api.acting import token_refused

        return Gate(self.gateway_table, self.access_table, refused=token_refused)

    @cached_property
    def throttle(self) -> Throttle:
        return Throttle(self.access_table)

    @cached_property
    def sessions(self) -> WebSessions:
        return WebSessions(self.access_table)

    @property
    def gateway_config(self) -> GatewayConfig:
        """The operator's configuration, at most a minute old. Raises ``Misconfigured``."""
        return load_gateway_config(self.clients, self.settings)

    @cached_property
    def tools(self) -> frozenset[str]:
        """The product's own tools. Importing them is a tenth of a cold start, and reading usage needs none."""
        from manyclaw.agent import tool_names

        return tool_names()

    def tools_of(self, scope: TenantScope) -> frozenset[str]:
        """What a tenant's ``allowed_tools`` may name."""
        from manyclaw.agent import known_tools

        return known_tools(scope)

    def scope(self, tenant: str) -> TenantScope:
        """A session for one tenant's data."""
        return self.scopes.open(tenant)


@cache
def runtime() -> Runtime:
    """This process's own."""
    return Runtime(settings(), Clients(settings().region))
