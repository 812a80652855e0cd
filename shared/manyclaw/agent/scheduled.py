"""What schedules bring: a due time becomes a run with a part for each chat, and each part is a turn in its chat.

The run is claimed by its job and due time, each part by its turn's journal, so a message that comes three times, or to
a process that dies, still makes one run and one answer. Each end is written into the run ledger.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from decimal import Decimal

from manyclaw.agent.envelope import Envelope
from manyclaw.agent.job_turn import OVER_QUOTA, JobTurn, Receipt, read_receipt
from manyclaw.agent.pulse import Pulse
from manyclaw.agent.runtime import Runtime
from manyclaw.agent.skill_tools import known_tools
from manyclaw.agent.texts import text
from manyclaw.agent.turn import Attempt, Outcome, attempted
from manyclaw.audit import Actor, acting
from manyclaw.billing import TurnUsage, turn_usage
from manyclaw.errors import ManyclawError, RetryableError, Superseded
from manyclaw.logs import fields
from manyclaw.schedules import (
    FAILED,
    MOST_CHATS,
    RUNNING,
    DayIsFull,
    Due,
    Job,
    Part,
    Run,
    Standing,
    abandon_run,
    chats_of,
    claim_run,
    clear_notice,
    delete_job,
    finish_only_part,
    finish_part,
    follow,
    is_dead,
    load_run,
    load_standing,
    page_of_runs,
    pause_if_failing,
    preset,
    remove_schedule,
    send_parts,
    settle_run,
    skip_run,
    spent_today,
    subscribe,
    switch_off,
    why_not,
)
from manyclaw.telegram import load_pairing
from manyclaw.tenancy import TenantScope, load_gateway_config, load_overlay

log = logging.getLogger(__name__)

LAST_RECEIVE = 9
"""The delivery at which a part that still fails is written off: before the queue's redrive makes it a dead letter."""

ERRORS_AT_MOST = 4
"""Deliveries of a part that fails for a reason which time does not mend, such as a model without a price."""


def run_scheduled(runtime: Runtime, attempt: Attempt, pulse: Pulse) -> Outcome:
    """Bring a due time, or a run's part, as far as it goes; never raises for what the queue should bring again."""
    facts: dict[str, object] = {"source": attempt.envelope.source}
    if attempt.envelope.source == "schedule":
        with acting(Actor("schedule", f"job:{attempt.envelope.job}", "schedule")):
            return attempted(attempt, facts, lambda: _fire(runtime, attempt.envelope))
    return attempted(attempt, facts, lambda: _run_part(runtime, attempt, pulse, facts))


# ---------------------------------------------------------------------------------------------- a due time
def _fire(runtime: Runtime, due: Envelope) -> Outcome:
    scope = runtime.scopes.open(due.tenant)
    found = load_standing(scope, due.job, due.due)
    if found.is_gone:
        removed = remove_schedule(scope, due.job)
        log.warning("schedule of a tenant that is gone", extra=fields(tenant=due.tenant, job=due.job, removed=removed))
        return Outcome("ignored: the tenant is not there")
    run = found.run
    if run is not None and run.outcome != RUNNING:
        return Outcome("duplicate")
    job = found.job or (preset(due.job) if due.by_hand else None)
    if job is None and run is None:
        remove_schedule(scope, due.job)
        skip_run(scope, due.job, due.due, "there is no such job; its schedule is removed", by_hand=due.by_hand)
        return Outcome("skipped: no such job")
    if run is None:
        assert job is not None
        chats, reason = _begin(scope, job, due, found)
        if reason:
            return Outcome(f"skipped: {reason}")
    else:
        chats = run.chats
    send_parts(runtime.clients, runtime.settings, due.tenant, due.job, due.due, chats)
    if job is not None and not job.is_reminder and not due.by_hand:
        _end_one_off(scope, job)
    return Outcome("fired", facts={"chats": len(chats)})


def _begin(scope: TenantScope, job: Job, due: Envelope, found: Standing) -> tuple[tuple[str, ...], str]:
    """Claim the run, or write down why there is none; gives its chats, and that reason."""
    now = datetime.now(UTC)
    if due.version != job.version and not due.by_hand:
        follow(scope, job)
    before = _before(scope, job, due, now) if job.spec.overlap == "skip" and not due.by_hand else None
    reason = why_not(
        job,
        Due(job.job, datetime.fromisoformat(due.due), due.version, due.by_hand),
        status=found.status or "",
        now=now,
        before=before,
        spent=spent_today(scope, job.job) if job.spec.budget_day_usd else Decimal(0),
        paired=found.paired,
    )
    chats = () if reason else chats_of(scope, job)
    if not reason and not chats:
        reason = "there is no chat that wants it"
    if not reason:
        chats = chats[:MOST_CHATS]
        try:
            if not claim_run(scope, job.job, due.due, chats, by_hand=due.by_hand):
                before_us = load_run(scope, job.job, due.due)
                chats = before_us.chats if before_us else ()
            return chats, ""
        except DayIsFull as full:
            reason = full.message
    skip_run(scope, job.job, due.due, reason, by_hand=due.by_hand)
    if not due.by_hand and due.version == job.version:
        _end_one_off(scope, job)
    return (), reason


def _before(scope: TenantScope, job: Job, due: Envelope, now: datetime) -> Run | None:
    """The newest earlier run; a dead one is closed first."""
    runs, _ = page_of_runs(scope, job.job, 1, before=due.due)
    before = runs[0] if runs else None
    if before is not None and before.outcome == RUNNING and is_dead(before, now):
        abandon_run(scope, job.job, before.due, "its processes died")
        return None
    return before


def _end_one_off(scope: TenantScope, job: Job) -> None:
    """A reminder goes when it has been; another job for one time is switched off and stays to be seen."""
    if job.when.kind != "at":
        return
    if job.is_reminder:
        remove_schedule(scope, job.job)
        delete_job(scope, job.job)
    else:
        switch_off(scope, job, "it was for one time only")


# ---------------------------------------------------------------------------------------------- a part
def _run_part(runtime: Runtime, attempt: Attempt, pulse: Pulse, facts: dict[str, object]) -> Outcome:
    envelope = attempt.envelope
    scope = runtime.scopes.open(envelope.tenant)
    found = load_standing(scope, envelope.job, envelope.due, envelope.conversation)
    if found.is_gone:
        return Outcome("ignored: the tenant is not there")
    job, run, outcome = found.job or preset(envelope.job), None, Outcome("duplicate")
    if not found.finished:
        part: Part | None = Part(envelope.conversation, skipped="the job was removed")
        if job is not None:
            turn = JobTurn(runtime, attempt, pulse, facts, job)
            outcome = attempted(attempt, facts, lambda: _alone(turn, facts))
            part = None if facts.get("superseded") else _part(scope, attempt, job, outcome)
        if part is None:
            return outcome
        if found.run is not None and job is not None and found.run.chats == (envelope.conversation,):
            run = finish_only_part(scope, found.run, part, job.failures)
        if run is None:
            finish_part(scope, envelope.job, envelope.due, part)
        outcome.retry_in = None
        facts["part"] = part.error or part.skipped or "done"
    run = run or settle_run(scope, envelope.job, envelope.due)
    if run is not None and job is not None:
        _after(runtime, scope, job, run)
    return outcome


def _alone(turn: JobTurn, facts: dict[str, object]) -> Outcome:
    """The turn's outcome; a part that another attempt has taken over is not this one's to write off."""
    try:
        return turn.run()
    except Superseded:
        facts["superseded"] = True
        raise


def _part(scope: TenantScope, attempt: Attempt, job: Job, outcome: Outcome) -> Part | None:
    """What the ledger is told of a chat; None while the queue should bring the part again."""
    envelope = attempt.envelope
    error, skipped = "", ""
    receipt = Receipt()
    if outcome.outcome.startswith("ignored: "):
        skipped = outcome.outcome.removeprefix("ignored: ")
    else:
        receipt = read_receipt(scope, job, envelope)
        if outcome.outcome in ("retry", "error"):
            if attempt.receives < (LAST_RECEIVE if outcome.outcome == "retry" else ERRORS_AT_MOST):
                return None
            error = str(outcome.facts.get("error", "it could not be done"))
        elif receipt.note.startswith(OVER_QUOTA):
            skipped = receipt.note
        elif receipt.note:
            error = receipt.note
        if _chat_is_gone(receipt.note):
            subscribe(scope, job.job, envelope.conversation, wants=False)
    asked = job.spec.kind == "prompt"
    usage = turn_usage(scope, envelope.turn, receipt.claimed_at or datetime.now(UTC)) if asked else TurnUsage()
    return Part(envelope.conversation, error, skipped, receipt.message_ids, usage)


def _chat_is_gone(note: str) -> bool:
    return any(sign in note.lower() for sign in ("blocked by the user", "chat not found", "kicked", "deactivated"))


def _after(runtime: Runtime, scope: TenantScope, job: Job, run: Run) -> None:
    """What follows when a run is closed. Safe to repeat."""
    if job.is_reminder:
        _end_one_off(scope, job)
    if run.outcome == FAILED:
        paused = pause_if_failing(scope, job.job, run.reason)
        if paused is not None:
            _tell_owners(runtime, scope, paused)
            clear_notice(scope, paused)


def _tell_owners(runtime: Runtime, scope: TenantScope, job: Job) -> None:
    gateway = load_gateway_config(runtime.clients, runtime.settings)
    overlay = load_overlay(scope, gateway, known_tools(scope)).overlay
    pairing = load_pairing(scope)
    if pairing is None:
        return
    bot = runtime.bot(scope, pairing)
    said = text("job_paused", overlay.language_for(gateway), job=job.job, problem=job.paused)
    for owner in overlay.owners:
        try:
            bot.call("sendMessage", {"chat_id": owner, "text": said})
        except RetryableError:
            raise
        except ManyclawError as error:
            log.warning("owner not told", extra=fields(tenant=scope.tenant, error=str(error)))
