"""What one agent process keeps from turn to turn: clients, scopes, the operator's key, and each bot's token."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache

from manyclaw.aws import Clients, error_code
from manyclaw.errors import Misconfigured
from manyclaw.mcp import Toolset, read_token
from manyclaw.settings import Settings, settings
from manyclaw.telegram import Bot, Pairing, open_bot
from manyclaw.tenancy import ScopeFactory, TenantScope

KEY_SECONDS = 300.0
"""How long the operator's Anthropic key is kept before it is read again."""

_KEEP_BOTS = 256
_KEEP_TOKENS = 1_000


@dataclass
class Runtime:
    """Made once a process; ``clients`` are those of the function's own role, which may not touch tenant data."""

    settings: Settings
    clients: Clients
    scopes: ScopeFactory
    pool: ThreadPoolExecutor
    sleep: Callable[[float], None] = time.sleep
    _key: tuple[float, str] | None = field(default=None, repr=False)
    _bots: OrderedDict[tuple[str, str], Bot] = field(default_factory=OrderedDict, repr=False)
    _mcp_tokens: OrderedDict[tuple[str, str, str], tuple[float, str]] = field(default_factory=OrderedDict, repr=False)

    def anthropic_key(self) -> str:
        """The operator's key.

        Raises
        ------
        Misconfigured
            It was never stored.
        """
        from botocore.exceptions import ClientError

        if self._key is None or self._key[0] < time.monotonic():
            name = f"/{self.settings.stack}/anthropic"
            try:
                answer = self.clients.ssm.get_parameter(Name=name, WithDecryption=True)
            except ClientError as error:
                if error_code(error) != "ParameterNotFound":
                    if self._key is not None:
                        return self._key[1]
                    raise
                raise Misconfigured(
                    f"There is no Anthropic key in the SSM parameter {name}.", hint="Store it there as a SecureString."
                ) from None
            self._key = (time.monotonic() + KEY_SECONDS, str(answer["Parameter"].get("Value", "")))
        return self._key[1]

    def warm(self) -> None:
        """Load what the first turn would have to load: the model's SDK and the AWS clients' models."""
        import anthropic  # noqa: F401
        import boto3.dynamodb.types  # noqa: F401

        for service in ("sts", "dynamodb", "s3", "ssm", "sqs"):
            self.clients.get(service)

    def forget_key(self) -> None:
        """The key was refused: read it again at its next use."""
        self._key = None

    def bot(self, scope: TenantScope, pairing: Pairing) -> Bot:
        """The tenant's bot, with its token read once per pairing."""
        name = (scope.tenant, pairing.version)
        bot = self._bots.get(name)
        if bot is not None:
            self._bots.move_to_end(name)
        else:
            bot = self._bots[name] = open_bot(scope, pairing, self.settings.telegram_api_url)
            while len(self._bots) > _KEEP_BOTS:
                self._bots.popitem(last=False)
        return bot

    def mcp_token(self, scope: TenantScope, toolset: Toolset) -> str:
        """The token of a tenant's MCP server, read every five minutes; "" for a server that has none."""
        name = (scope.tenant, toolset.server, toolset.host)
        kept = self._mcp_tokens.get(name)
        if kept is None or kept[0] < time.monotonic():
            kept = (time.monotonic() + KEY_SECONDS, read_token(scope, toolset.server, toolset.host))
            self._mcp_tokens[name] = kept
            while len(self._mcp_tokens) > _KEEP_TOKENS:
                self._mcp_tokens.popitem(last=False)
        return kept[1]

    def forget_mcp_tokens(self, scope: TenantScope) -> None:
        """A server failed, perhaps by its token: read the tenant's anew at their next use."""
        for name in [each for each in list(self._mcp_tokens) if each[0] == scope.tenant]:
            self._mcp_tokens.pop(name, None)

    def forget_bot(self, scope: TenantScope, pairing: Pairing) -> None:
        """The token was refused: read it again at its next use."""
        self._bots.pop((scope.tenant, pairing.version), None)


@cache
def runtime() -> Runtime:
    """This process's runtime."""
    found = settings()
    clients = Clients(found.region)
    return Runtime(found, clients, ScopeFactory(found, clients), ThreadPoolExecutor(6, thread_name_prefix="load"))
