"""A tenant's overlay, ``tenants/{id}/config.yaml``: what its owner decides about its bot."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, field_validator

from manyclaw.errors import BadInput
from manyclaw.outbound import check_url
from manyclaw.tenancy.documents import InvalidDocument, Problem, parse
from manyclaw.tenancy.gateway import GatewayConfig

OVERLAY_PATH = "config.yaml"

MCP_PREFIX = "mcp__"
"""``allowed_tools`` names the tools of MCP servers ``mcp__SERVER__TOOL``."""

MCP_SERVER = r"^[a-z0-9][a-z0-9-]{0,31}$"
MAX_MCP_SERVERS = 5
_MCP_TOOL = re.compile(r"mcp__(?P<server>[a-z0-9][a-z0-9-]{0,31})__(?P<tool>[A-Za-z0-9_.-]{1,128})")


class McpServer(BaseModel):
    """A remote MCP server. Its token, if it needs one, is a secret and stands nowhere in the overlay."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=MCP_SERVER, description="How the model, the ledger and allowed_tools call it.")
    url: str = Field(description="Its https address, without a query.")

    @field_validator("url")
    @classmethod
    def _url_is_public(cls, value: str) -> str:
        try:
            return check_url(value).url
        except BadInput as error:
            raise ValueError(error.message) from None

    @property
    def host(self) -> str:
        """Its origin, to which its token is bound: the host, with the port if it is not 443. The scheme is https."""
        found = check_url(self.url)
        return found.host if found.port == 443 else f"{found.host}:{found.port}"


class Overlay(BaseModel):
    """The keys that an overlay may have. Every one is optional; an empty file is a valid overlay."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str | None = Field(default=None, description="Which Claude model answers; one of the gateway's models.")
    system_prompt: str = Field(default="", max_length=60_000, description="Who the bot is and how it behaves.")
    allowed_tools: tuple[str, ...] = Field(default=(), description="The tools that the model may call, by name.")
    mcp_servers: tuple[McpServer, ...] = Field(
        default=(), max_length=MAX_MCP_SERVERS, description="Remote MCP servers whose tools may be allowed."
    )
    language: str | None = Field(
        default=None,
        pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$",
        description="The language of the gateway's own notices, e.g. en, de, ru, zh.",
    )
    max_tokens: int | None = Field(default=None, ge=16, description="The longest answer, in tokens.")
    time_zone: str = Field(default="UTC", description="The bot's time zone, an IANA name like Europe/Berlin.")
    greeting: str = Field(default="", max_length=4_096, description="Answers /start without asking the model.")
    groups: Literal["mentioned", "all", "off"] = Field(
        default="mentioned", description="In groups: answer when spoken to, to everything, or never."
    )
    cache_ttl: Literal["5m", "1h"] = Field(default="5m", description="How long the prompt cache keeps a conversation.")
    owners: tuple[int, ...] = Field(default=(), description="Telegram user ids of the tenant's owners.")

    @field_validator("time_zone")
    @classmethod
    def _zone_exists(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError):
            raise ValueError(f"{value!r} is not an IANA time zone") from None
        return value

    @field_validator("allowed_tools")
    @classmethod
    def _tools_once(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(value)) != len(value):
            raise ValueError("a tool is named twice")
        return value

    @field_validator("mcp_servers")
    @classmethod
    def _servers_once(cls, value: tuple[McpServer, ...]) -> tuple[McpServer, ...]:
        if len({server.name for server in value}) != len(value):
            raise ValueError("a server is named twice")
        return value

    def mcp_tools(self, server: str) -> tuple[str, ...]:
        """The tools of one MCP server that the model may call, sorted."""
        prefix = f"{MCP_PREFIX}{server}__"
        return tuple(sorted(tool.removeprefix(prefix) for tool in self.allowed_tools if tool.startswith(prefix)))

    def model_for(self, gateway: GatewayConfig) -> str:
        """The model that answers: the overlay's, or the gateway's default."""
        return self.model or gateway.defaults.model

    def language_for(self, gateway: GatewayConfig) -> str:
        return self.language or gateway.defaults.language

    def max_tokens_for(self, gateway: GatewayConfig) -> int:
        """The answer's limit in tokens, never above what the model can give."""
        wanted = self.max_tokens or gateway.defaults.max_tokens
        info = gateway.models.get(self.model_for(gateway))
        return min(wanted, info.max_output) if info else wanted


def parse_overlay(text: str | bytes) -> Overlay:
    """An overlay's text, checked by itself. Raises ``InvalidDocument`` with the line of each problem."""
    return parse(OVERLAY_PATH, text, Overlay)


def check_overlay(text: str | bytes, gateway: GatewayConfig, tools: frozenset[str]) -> Overlay:
    """An overlay's text, checked also against the gateway's models and the ``tools`` there are.

    Raises
    ------
    InvalidDocument
        With the line of each problem.
    """
    overlay = parse_overlay(text)
    lines = (text.decode() if isinstance(text, bytes) else text).splitlines()

    def line_of(needle: str) -> int:
        return next((number for number, line in enumerate(lines, 1) if needle in line), 1)

    problems = []
    if overlay.model and overlay.model not in gateway.models:
        known = ", ".join(sorted(gateway.models))
        message = f"{overlay.model!r} is not a model of this gateway (models: {known})"
        problems.append(Problem(line_of(overlay.model), "model", message))
    elif overlay.model and gateway.models[overlay.model].rates_on(datetime.now(UTC).date()) is None:
        message = f"{overlay.model!r} has no price yet; the operator has to give it one"
        problems.append(Problem(line_of(overlay.model), "model", message))
    for tool in overlay.allowed_tools:
        wrong = _wrong_with(tool, overlay, tools)
        if wrong:
            problems.append(Problem(line_of(tool), "allowed_tools", wrong))
    if problems:
        raise InvalidDocument(OVERLAY_PATH, problems)
    return overlay


def _wrong_with(tool: str, overlay: Overlay, tools: frozenset[str]) -> str:
    """Why ``allowed_tools`` may not name ``tool``; empty if it may."""
    if not tool.startswith(MCP_PREFIX):
        return "" if tool in tools else f"there is no tool {tool!r} (tools: {', '.join(sorted(tools)) or 'none'})"
    found = _MCP_TOOL.fullmatch(tool)
    if not found:
        return f"{tool!r} is not of the form mcp__SERVER__TOOL"
    known = any(server.name == found["server"] for server in overlay.mcp_servers)
    return "" if known else f"{tool!r} is of a server that mcp_servers does not name"
