"""What people hear of a tenant's limits: the user once a window, the owners once a day and threshold."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from manyclaw.agent.journal import TurnRecord
from manyclaw.agent.loading import Loaded
from manyclaw.agent.opened import Opened
from manyclaw.agent.texts import text
from manyclaw.audit import entry
from manyclaw.billing import Gate, OverLimit, claim_warning, tell_once
from manyclaw.errors import ManyclawError
from manyclaw.logs import fields
from manyclaw.telegram import Bot
from manyclaw.tenancy import TenantScope

log = logging.getLogger(__name__)


def answer_over_limit(opened: Opened, record: TurnRecord | None, over: OverLimit) -> TurnRecord:
    """Close the turn whose call was not made: with a notice for the first in the window, in silence after that.

    Whoever meets a limit of its own is told by name, everybody else by chat, so a full group is told once.

    Raises
    ------
    OverLimit
        The turn has begun to work and only a minute's limit is in the way: it goes on after that minute.
    TransactionRefused
        The turn was claimed before; come again with its record.
    Superseded
        Somebody else was told in the same moment; the next attempt ends in silence.
    """
    if record is not None and record.steps and over.quota.endswith("_per_minute"):
        raise over
    record = opened.claimed(record)
    journal, message = opened.journal, opened.message
    whom = message.user if over.quota.startswith("user_") else message.conversation
    if whom not in over.told:
        told = over_limit_entry(opened.scope, journal.turn, over)
        tell = tell_once(opened.scope, over, whom)
        return journal.commit_answer(record, [_notice(opened.loaded, over)], [tell, told])
    return journal.finish(journal.commit_answer(record, [], []), f"over {over.quota}, told before")


def over_limit_entry(scope: TenantScope, turn: str, over: OverLimit) -> dict[str, Any]:
    """For the audit log: that a limit refused a call. It goes with ``tell_once``: once a window."""
    ends = f"{over.resets_at:%Y-%m-%dT%H:%M:%SZ}"
    on = f"limit:{over.quota}"
    return entry(scope.audit, "quota.exceeded", on=on, outcome="refused", turn=turn, resets_at=ends)


def _notice(loaded: Loaded, over: OverLimit) -> str:
    name = "limit_minute" if over.quota.endswith("_per_minute") else "limit_day"
    if over.quota.startswith("user_"):
        name += "_user"
    return text(name, loaded.overlay.overlay.language_for(loaded.gateway), time=_time(loaded, over.resets_at))


def _time(loaded: Loaded, moment: datetime) -> str:
    """When a limit begins anew, in the time zone of the tenant."""
    local = moment.astimezone(ZoneInfo(loaded.overlay.overlay.time_zone))
    return f"{local:%Y-%m-%d %H:%M %Z}"


def warn_owners(scope: TenantScope, gate: Gate, loaded: Loaded, bot: Bot, over: OverLimit | None) -> None:
    """Tell the owners when a threshold of a daily limit is reached, each once a day.

    One request to the table when a threshold is newly reached, none otherwise. Of several that are reached at once only
    the highest is told.
    """
    overlay = loaded.overlay.overlay
    whole_tenant_is_out = (
        over is not None and not over.quota.startswith("user_") and over.quota.endswith(("_day", "_usd"))
    )
    level = gate.threshold(100 if whole_tenant_is_out else gate.percent_used())
    if not overlay.owners or level <= gate.warned or not claim_warning(scope, gate, level):
        return
    name = "owner_limit_reached" if level >= 100 else "owner_limit_near"
    values = {"percent": str(level), "limits": gate.describe(), "time": _time(loaded, gate.resets_at)}
    said = text(name, overlay.language_for(loaded.gateway), **values)
    for owner in overlay.owners:
        params: dict[str, Any] = {"chat_id": owner, "text": said}
        try:
            bot.call("sendMessage", params)
        except ManyclawError as error:
            log.warning("owner not told", extra=fields(tenant=scope.tenant, error=str(error)))
