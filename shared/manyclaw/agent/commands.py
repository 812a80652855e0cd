"""Commands that people write in a chat and that no model is asked about."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from manyclaw.agent.texts import text
from manyclaw.schedules import Job, JobBook, subscribe
from manyclaw.telegram import IncomingMessage
from manyclaw.tenancy import Overlay, TenantScope

DIGEST = "friday-digest"


def answer_digest(scope: TenantScope, overlay: Overlay, message: IncomingMessage, language: str) -> str:
    """``/digest on`` and ``/digest off`` for this chat; safe to repeat.

    Whether the tenant has a digest at all is its owners' to switch, where it has named any.
    """
    wish = message.text.split()[1:2]
    if wish == ["off"]:
        subscribe(scope, DIGEST, message.conversation, wants=False)
        return text("digest_off", language)
    if wish != ["on"]:
        return text("digest_how", language)
    book = JobBook(scope, zone=overlay.time_zone)
    job = book.get(DIGEST)
    if not job.spec.enabled:
        if overlay.owners and message.sender_id not in overlay.owners:
            return text("digest_owner", language)
        job = book.enable(DIGEST)
    subscribe(scope, DIGEST, message.conversation, wants=True)
    return text("digest_on", language, time=_next(job))


def _next(job: Job) -> str:
    times = job.next_times(datetime.now(UTC), 1)
    return f"{times[0].astimezone(ZoneInfo(job.spec.zone)):%Y-%m-%d %H:%M %Z}" if times else "?"
