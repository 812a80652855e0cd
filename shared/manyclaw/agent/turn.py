"""One turn: an end user's message becomes the bot's answer, effectively once.

claim → load → model loop with tools → commit the answer → send → mark sent. Whatever fails in between leaves a record
from which the next attempt goes on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from manyclaw.agent.commands import answer_digest
from manyclaw.agent.delivery import BotTokenRefused, deliver
from manyclaw.agent.envelope import Envelope
from manyclaw.agent.forgetting import forget_reply
from manyclaw.agent.journal import Journal, TurnRecord
from manyclaw.agent.limits import answer_over_limit, warn_owners
from manyclaw.agent.loading import Loaded, load
from manyclaw.agent.opened import Opened
from manyclaw.agent.pulse import Pulse
from manyclaw.agent.remembering import handing_over
from manyclaw.agent.runtime import Runtime
from manyclaw.agent.texts import text
from manyclaw.agent.thinking import Thinking
from manyclaw.agent.tool_audit import left_open
from manyclaw.audit import Actor, acting
from manyclaw.aws import TransactionRefused, error_code, is_aws_error
from manyclaw.billing import OverLimit
from manyclaw.errors import ManyclawError, Misconfigured, RetryableError
from manyclaw.logs import fields
from manyclaw.telegram import Bot, IncomingMessage, read_message, split_message

log = logging.getLogger(__name__)

GIVE_UP_AT = 5
"""The try at which the model is no longer asked and the user is told so: some eight minutes after the message if the
model was down, two if the process died each time."""

_RETRY_IN = (3, 20, 90, 300, 300, 600)
"""Seconds until the queue delivers a failed turn again, by how often it was tried or delivered already."""


CLOSED = ("delivered", "failed")


@dataclass
class Outcome:
    """How an attempt ended. ``retry_in`` (seconds) is None when the queue's message is done with."""

    outcome: str
    retry_in: float | None = None
    facts: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Attempt:
    """One delivery of the queue's message. ``receives`` counts them from 1; ``seconds_left`` is this process's time."""

    envelope: Envelope
    receives: int
    seconds_left: Callable[[], float]


def run_turn(runtime: Runtime, attempt: Attempt, pulse: Pulse) -> Outcome:
    """Bring the turn as far as it goes; never raises for what the queue should bring again."""
    facts: dict[str, object] = {}
    return attempted(attempt, facts, lambda: Turn(runtime, attempt, pulse, facts).run())


def attempted(attempt: Attempt, facts: dict[str, object], work: Callable[[], Outcome]) -> Outcome:
    """``work``'s outcome, or what becomes of the queue's message when it failed."""
    wait = _RETRY_IN[min(attempt.receives, len(_RETRY_IN)) - 1]
    try:
        outcome = work()
    except RetryableError as error:
        outcome = Outcome("retry", max(wait, error.retry_after or 0), {"error": str(error)})
    except ManyclawError as error:
        log.error("turn failed", extra=fields(turn=attempt.envelope.turn, error=str(error)))
        outcome = Outcome("error", wait, {"error": str(error)})
    except Exception as error:
        if not is_aws_error(error):
            raise
        outcome = Outcome("retry", wait, {"error": error_code(error) or type(error).__name__})
    outcome.facts = {**facts, **outcome.facts}
    return outcome


class Turn:
    """An attempt at one turn. What schedules begin is a turn too, with a message of their own."""

    thinking: Callable[..., Thinking] = Thinking
    asks = True
    """Whether a model may be asked; if not, neither memory nor the model's SDK is got ready."""

    def __init__(self, runtime: Runtime, attempt: Attempt, pulse: Pulse, facts: dict[str, object]) -> None:
        self._runtime = runtime
        self._attempt = attempt
        self._envelope = attempt.envelope
        self._pulse = pulse
        self._facts = facts
        self._over: OverLimit | None = None

    def run(self) -> Outcome:
        message = self._message()
        if message is None or message.sender_is_bot:
            return Outcome("ignored: no message of a person")
        with acting(self._actor(message)):
            return self._run(message)

    def _run(self, message: IncomingMessage) -> Outcome:
        scope = self._runtime.scopes.open(self._envelope.tenant)
        journal = Journal(scope, message.conversation, self._envelope.turn)
        record = journal.resume() if self._attempt.receives > 1 else None
        if record is not None and record.state in CLOSED:
            return _closed(record)
        loaded = load(self._runtime, scope, message, asks=self.asks)
        ignored = self._ignored(loaded, message)
        if ignored or loaded.pairing is None:
            return Outcome(f"ignored: {ignored}")
        bot = self._runtime.bot(scope, loaded.pairing)
        opened = Opened(scope, journal, loaded, message, bot)
        try:
            record = self._answer(opened, record)
        except TransactionRefused:
            known = self._known(journal)
            if known.state in CLOSED:
                return _closed(known)
            record = self._answer(opened, known)
        self._pulse.stop_typing()
        self._report_config(loaded, bot)
        handed = handing_over(self._runtime, scope, journal.turn, record, message)
        try:
            record = deliver(journal, record, bot, message, handed, self._runtime.sleep)
        except BotTokenRefused:
            self._runtime.forget_bot(scope, loaded.pairing)
            raise
        if loaded.gate:
            warn_owners(scope, loaded.gate, loaded, bot, self._over)
        return Outcome("given up", 0) if record.gave_up else Outcome("delivered", facts={"parts": len(record.parts)})

    def _message(self) -> IncomingMessage | None:
        return read_message(self._envelope.update)

    def _actor(self, message: IncomingMessage) -> Actor:
        """Who is behind what this turn does, for the audit log."""
        return Actor("user", f"telegram:{message.user}", "telegram")

    def _known(self, journal: Journal) -> TurnRecord:
        """The turn that was there already. One that was given up is tried anew: its letter came back from the dead."""
        record = journal.resume()
        if record is None:
            raise RetryableError("The turn's record has gone while it was looked at.", retry_after=1)
        return journal.reopen(record) if record.state == "failed" and self._attempt.receives == 1 else record

    def _ignored(self, loaded: Loaded, message: IncomingMessage) -> str:
        pairing, overlay = loaded.pairing, loaded.overlay.overlay
        if loaded.status not in ("active", "suspended"):
            return f"the tenant is {loaded.status or 'not there'}"
        if pairing is None or pairing.bot_id != self._envelope.bot_id:
            return "the bot is no longer paired"
        if message.is_private:
            return ""
        if overlay.groups == "off":
            return "groups are off"
        if overlay.groups == "mentioned" and not message.addresses(pairing.bot_id, pairing.username):
            return "not spoken to"
        return ""

    def _answer(self, opened: Opened, record: TurnRecord | None) -> TurnRecord:
        """The turn with its answer committed, however it came about."""
        if record is not None:
            self._facts["tries"] = record.tries
            if record.state == "answered":
                return record
        journal, message = opened.journal, opened.message
        said = forget_reply(opened.scope, message, opened.language) or self._without_model(opened)
        if said:
            return journal.commit_answer(opened.claimed(record), split_message(said), [])
        if record is not None and record.tries >= GIVE_UP_AT:
            log.error("turn given up", extra=fields(tenant=opened.scope.tenant, turn=journal.turn))
            apology = split_message(text("failed", opened.language))
            return journal.commit_answer(record, apology, left_open(opened.scope, record), gave_up=True)
        assert opened.loaded.pairing is not None
        self._pulse.type_in(opened.bot, message.chat_id, message.thread_id)
        thinking = self.thinking(self._runtime, opened, self._attempt.seconds_left, self._facts)
        try:
            return thinking.run(record, opened.loaded.pairing.username)
        except OverLimit as over:
            self._over = over
            self._facts["over"] = over.quota
            return self._over_limit(opened, thinking.record, over)

    def _over_limit(self, opened: Opened, record: TurnRecord | None, over: OverLimit) -> TurnRecord:
        return answer_over_limit(opened, record, over)

    def _without_model(self, opened: Opened) -> str:
        """An answer for which no model is needed, or an empty string."""
        message, language = opened.message, opened.language
        overlay, gateway = opened.loaded.overlay.overlay, opened.loaded.gateway
        if opened.loaded.status == "suspended":
            return text("paused", language)
        if message.command() == "start" and overlay.greeting:
            return overlay.greeting
        if message.command() == "digest":
            return answer_digest(opened.scope, overlay, message, language)
        if not message.text.strip():
            return text("text_only", language)
        try:
            gateway.rates(overlay.model_for(gateway), datetime.now(UTC).date())
        except Misconfigured as error:
            log.error("unpriced model", extra=fields(tenant=self._envelope.tenant, error=str(error)))
            return text("unavailable", language)
        return ""

    def _report_config(self, loaded: Loaded, bot: Bot) -> None:
        """Tell the owners once that the new configuration is not in force."""
        problem = loaded.overlay.problem
        if not problem or not loaded.overlay.problem_is_new:
            return
        log.warning("overlay refused", extra=fields(tenant=self._envelope.tenant, problem=problem))
        overlay = loaded.overlay.overlay
        said = text("config_broken", overlay.language_for(loaded.gateway), problem=problem[:1000])
        for owner in overlay.owners:
            try:
                bot.call("sendMessage", {"chat_id": owner, "text": said})
            except ManyclawError as error:
                log.warning("owner not told", extra=fields(tenant=self._envelope.tenant, error=str(error)))


def _closed(record: TurnRecord) -> Outcome:
    """Nothing to do any more; one that failed is on its way to the dead letters."""
    return Outcome("duplicate") if record.state == "delivered" else Outcome("given up", 0)
