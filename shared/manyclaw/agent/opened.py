"""A turn that has been opened: whose it is, what is known, and where it is written down."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from manyclaw.agent.journal import Journal, TurnRecord
from manyclaw.agent.loading import Loaded
from manyclaw.sessions import Transcript, index_row
from manyclaw.telegram import Bot, IncomingMessage
from manyclaw.tenancy import TenantScope


@dataclass(frozen=True)
class Opened:
    """What stays the same from a turn's first look at the table to its last word."""

    scope: TenantScope
    journal: Journal
    loaded: Loaded
    message: IncomingMessage
    bot: Bot

    @property
    def language(self) -> str:
        """The language of the product's own words in this chat."""
        return self.loaded.overlay.overlay.language_for(self.loaded.gateway)

    def first_words(self, transcript: Transcript, now: datetime) -> list[dict[str, Any]]:
        """What a claim writes besides while a conversation has no transcript: its row in the tenant's list.

        It comes before any word of the conversation is stored, so that a deletion finds everything.
        """
        if transcript.next_seq:
            return []
        index = index_row(self.scope, transcript.conversation, self.message.chat_type, now)
        return [self.journal.tenant_stays(), index]

    def claimed(self, record: TurnRecord | None) -> TurnRecord:
        """``record``, or the turn claimed now: for one that is closed without asking the model.

        Raises
        ------
        TransactionRefused
            The turn was claimed before; come again with its record.
        """
        if record is not None:
            return record
        now = datetime.now(UTC)
        return self.journal.claim(now, self.first_words(self.loaded.transcript, now), calls=0)
