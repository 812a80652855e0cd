"""``/forget``: an end user has what the bot knows of them removed, after saying so twice."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from manyclaw.agent.texts import text
from manyclaw.logs import fields
from manyclaw.memory import forget, subject_of
from manyclaw.telegram import IncomingMessage
from manyclaw.tenancy import TenantScope

COMMAND = "forget"

_YES = ("yes", "ja", "sí", "si", "oui", "да", "是")

log = logging.getLogger(__name__)


def forget_reply(scope: TenantScope, message: IncomingMessage, language: str) -> str:
    """What to answer to ``/forget``; ``/forget yes`` has been done when this returns. Empty for any other message.

    Only in private: in a group one member would remove what belongs to all.
    """
    if message.command() != COMMAND:
        return ""
    if not message.is_private:
        return text("forget_private", language)
    said = message.text.split(maxsplit=1)[1].strip().casefold() if len(message.text.split()) > 1 else ""
    if said not in _YES:
        return text("forget_ask", language)
    until = datetime.fromtimestamp(message.sent_at, UTC)
    report = forget(scope, subject_of(message.chat_id, private=True), until)
    log.info("forgotten", extra=fields(tenant=scope.tenant, messages=report.messages, files=report.memory_files))
    return text("forget_done", language, messages=str(report.messages), facts=str(report.facts))
