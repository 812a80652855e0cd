"""One turn: an end user's message becomes the bot's answer, effectively once.

claim → load → model loop with tools → commit the answer → send → mark sent. Whatever fails in between leaves a record
from which the next attempt goes on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from manyclaw.agent.delivery import deliver
from manyclaw.agent.envelope import Envelope
from manyclaw.agent.forgetting import forget_reply
from manyclaw.agent.journal import Journal, TurnRecord
from manyclaw.agent.loading import Loaded, load
from manyclaw.agent.pulse import Pulse
from manyclaw.agent.remembering import handing_over
from manyclaw.agent.runtime import Runtime
from manyclaw.agent.texts import text
from manyclaw.agent.thinking import Thinking
from manyclaw.aws import TransactionRefused
from manyclaw.errors import ManyclawError, Misconfigured, RetryableError
from manyclaw.logs import fields
from manyclaw.telegram import Bot, IncomingMessage, read_message, split_message
from manyclaw.tenancy import TenantScope

log = logging.getLogger(__name__)

GIVE_UP_AT = 5
"""The delivery of the queue's message at which the model is no longer asked and the user is told so."""

_RETRY_IN = (1, 2, 5, 15, 60, 120, 300, 600)
"""Seconds until the queue delivers a failed turn again, by how often it was delivered already."""


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
    try:
        outcome = _Turn(runtime, attempt, pulse, facts).run()
    except RetryableError as error:
        wait = _RETRY_IN[min(attempt.receives, len(_RETRY_IN)) - 1]
        outcome = Outcome("retry", max(wait, error.retry_after or 0), {"error": str(error)})
    except ManyclawError as error:
        log.error("turn failed", extra=fields(turn=attempt.envelope.turn, error=str(error)))
        outcome = Outcome("error", _RETRY_IN[min(attempt.receives, len(_RETRY_IN)) - 1], {"error": str(error)})
    outcome.facts = {**facts, **outcome.facts}
    return outcome


class _Turn:
    def __init__(self, runtime: Runtime, attempt: Attempt, pulse: Pulse, facts: dict[str, object]) -> None:
        self._runtime = runtime
        self._attempt = attempt
        self._envelope = attempt.envelope
        self._pulse = pulse
        self._facts = facts

    def run(self) -> Outcome:
        message = read_message(self._envelope.update)
        if message is None or message.sender_is_bot:
            return Outcome("ignored: no message of a person")
        scope = self._runtime.scopes.open(self._envelope.tenant)
        journal = Journal(scope, message.conversation, self._envelope.turn)
        record = journal.load() if self._attempt.receives > 1 else None
        if record is not None and record.state in ("delivered", "failed"):
            return self._closed(record)
        loaded = load(self._runtime, scope, message)
        ignored = self._ignored(loaded, message)
        if ignored or loaded.pairing is None:
            return Outcome(f"ignored: {ignored}")
        bot = self._runtime.bot(scope, loaded.pairing)
        self._report_config(loaded, bot)
        try:
            record = self._answer(scope, journal, record, loaded, message, bot)
        except TransactionRefused:
            record = self._known(journal)
            if record.state in ("delivered", "failed"):
                return self._closed(record)
            record = self._answer(scope, journal, record, loaded, message, bot)
        self._pulse.stop_typing()
        handed_over = handing_over(self._runtime, scope, journal.turn, record, message)
        record = deliver(journal, record, bot, message, handed_over, self._runtime.sleep)
        if self._facts.get("gave_up"):
            journal.finish(record, "failed", "given up")
            return Outcome("given up", 0)
        return Outcome("delivered", facts={"parts": len(record.parts)})

    def _closed(self, record: TurnRecord) -> Outcome:
        """Nothing to do any more; one that failed is on its way to the dead letters."""
        return Outcome("duplicate") if record.state == "delivered" else Outcome("given up", 0)

    def _known(self, journal: Journal) -> TurnRecord:
        record = journal.load()
        if record is None:
            raise RetryableError("The turn was claimed by another attempt and has gone.", retry_after=1)
        return record

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

    def _answer(
        self,
        scope: TenantScope,
        journal: Journal,
        record: TurnRecord | None,
        loaded: Loaded,
        message: IncomingMessage,
        bot: Bot,
    ) -> TurnRecord:
        """The turn with its answer committed, however it came about."""
        if record is not None:
            record = journal.take_over(record)
            if record.state == "answered":
                return record
        language = loaded.overlay.overlay.language_for(loaded.gateway)
        said = forget_reply(scope, message, language) or self._without_model(loaded, message, language)
        if not said and self._attempt.receives >= GIVE_UP_AT:
            self._facts["gave_up"] = True
            log.error("turn given up", extra=fields(tenant=scope.tenant, turn=journal.turn))
            said = text("failed", language)
        if said:
            return self._commit_plain(journal, record, split_message(said))
        assert loaded.pairing is not None
        self._pulse.type_in(bot, message.chat_id, message.thread_id)
        thinking = Thinking(self._runtime, scope, journal, loaded, message, self._attempt.seconds_left, self._facts)
        return thinking.run(record, loaded.pairing.username)

    def _commit_plain(self, journal: Journal, record: TurnRecord | None, parts: list[str]) -> TurnRecord:
        if record is None:
            record = journal.claim(datetime.now(UTC), [], calls=0)
        return journal.commit_answer(record, parts, [])

    def _without_model(self, loaded: Loaded, message: IncomingMessage, language: str) -> str:
        """An answer for which no model is needed, or an empty string."""
        overlay, gateway = loaded.overlay.overlay, loaded.gateway
        if loaded.status == "suspended":
            return text("paused", language)
        if message.command() == "start" and overlay.greeting:
            return overlay.greeting
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
