"""Every action that an audit log can hold, with the details that each may carry: nothing else gets in.

docs/audit.md has the same table; a test holds the two together.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Action:
    """What an action means, what ``on`` names, and the names of its details."""

    meaning: str
    on: str
    details: tuple[str, ...] = ()


ACTIONS = {
    "tenant.create": Action("a tenant goes live", "tenant"),
    "tenant.suspend": Action("a tenant is no longer served", "tenant"),
    "tenant.resume": Action("a suspended tenant is served again", "tenant"),
    "tenant.delete": Action(
        "a tenant is erased: `begun`, then `ok` with what went",
        "tenant",
        ("object_versions", "conversations", "rows", "secrets", "tokens"),
    ),
    "config.change": Action("config.yaml is replaced through the command or the API", "file", ("sha256", "bytes")),
    "config.in_force": Action(
        "a config.yaml is met for the first time by a turn, however it got there", "file", ("etag", "sha256")
    ),
    "config.refused": Action("a config.yaml is broken and not in force", "file", ("sha256", "lines")),
    "owners.change": Action("a config.yaml that replaces another names other owners", "file", ("added", "removed")),
    "pairing.pair": Action("a tenant is connected with a bot", "bot", ("delivery",)),
    "pairing.unpair": Action("a tenant is parted from its bot", "bot"),
    "pairing.menu": Action("owners are given the dashboard in the bot's menu", "bot", ("owners",)),
    "token.create": Action("an API token is made", "token", ("scopes", "expires_at")),
    "token.revoke": Action("an API token is ended", "token", ("scopes",)),
    "token.rotate": Action("an API token is to end, after another was made", "token", ("scopes", "ends_at")),
    "token.refused": Action("an API token was not valid; once a minute and address", "tenant"),
    "quota.change": Action("the operator sets a tenant's limits", "limits", ("limits",)),
    "quota.exceeded": Action(
        "a model call was refused by a limit; once a window and person or chat", "limit", ("turn", "resets_at")
    ),
    "markup.change": Action("what a tenant pays on top of cost is set", "tenant", ("percent", "first")),
    "gateway.change": Action(
        "the gateway's config.yaml is replaced: models, prices, defaults", "file", ("sha256", "bytes")
    ),
    "rates.change": Action("a model's prices are set from a day on", "model", ("first", "prices")),
    "key.change": Action("one of the operator's own keys is stored", "parameter"),
    "schedule.change": Action(
        "a job is made, changed, switched on or off", "job", ("version", "enabled", "changed", "sha256")
    ),
    "schedule.remove": Action("a job is deleted", "job"),
    "schedule.run": Action("a job is run by hand", "job", ("due",)),
    "schedule.pause": Action("a job is switched off because it failed, or has been", "job", ("version", "failures")),
    "schedule.subscribe": Action("a chat wants a job, or no longer", "job", ("chat", "wants")),
    "reminder.set": Action("a reminder is set for an end user", "reminder", ("chat", "due")),
    "reminder.cancel": Action("a reminder is cancelled", "reminder"),
    "skill.install": Action("a skill is installed, or another version of it", "skill", ("version", "tools")),
    "skill.remove": Action("a skill is removed with its secrets", "skill", ("version",)),
    "skill.secret": Action("a secret of a skill is stored", "skill", ("name",)),
    "skill.test": Action("a skill's tool is run by hand", "skill", ("tool", "keep")),
    "tool.call": Action(
        "the model calls a tool: `ok`, `failed`, `refused` (not allowed) or `unknown` (given up before it settled)",
        "tool",
        ("turn", "call", "server", "milliseconds"),
    ),
    "mcp.token": Action("a token for an MCP server is stored", "server", ("host",)),
    "mcp.forget": Action("a token for an MCP server is deleted", "server"),
    "memory.forget": Action("all that a person or a group said is erased", "subject", ("messages", "files", "facts")),
    "memory.rebuild": Action("a memory is indexed anew", "subject"),
    "export.usage": Action("a usage report leaves as CSV", "report", ("first", "last")),
    "export.audit": Action("an audit log leaves as a file", "log", ("format",)),
    "sign_in": Action("somebody signs in to the dashboard, or is refused", "dashboard"),
    "sign_out": Action("somebody signs out of the dashboard", "dashboard"),
    "audit.unreadable": Action("the inbox held something that is no entry", "inbox", ("sha256",)),
}

OUTCOMES = {
    "ok": "it was done",
    "begun": "it is about to be done; a second entry with `of` tells how it ended",
    "failed": "it was tried and did not succeed",
    "refused": "it was not allowed",
    "unknown": "whether it was done cannot be told",
}

ACTORS = {
    "operator": "who runs the deployment: the ARN that AWS knows, or an operator's token",
    "owner": "whom the tenant trusts: a token of the tenant, or an owner whom Telegram vouches for",
    "user": "an end user in Telegram, by number",
    "schedule": "one of the tenant's jobs",
    "system": "the deployment itself",
    "unknown": "somebody who was refused before it was known who they are",
}
