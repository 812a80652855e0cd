"""What lies on ``inbound.fifo``: an update as the webhook took it, or what a schedule wants done."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from manyclaw.errors import BadInput
from manyclaw.tenancy import TenantId, tenant_id


@dataclass(frozen=True)
class Envelope:
    """``bot_id`` is the bot that the tenant was paired with when the update came; ``update`` is Telegram's, whole."""

    source: str
    tenant: TenantId
    bot_id: int
    received_at: datetime
    update: dict[str, Any]

    @property
    def turn(self) -> str:
        """Names the turn: unique in the tenant also when it pairs another bot, whose updates count anew."""
        return f"{self.bot_id}-{self.update['update_id']}"


def read_envelope(body: str) -> Envelope:
    """Raises ``BadInput`` for anything that the webhook cannot have written."""
    try:
        values = json.loads(body)
        envelope = Envelope(
            source=values["source"],
            tenant=tenant_id(values["tenant"]),
            bot_id=int(values["bot_id"]),
            received_at=datetime.fromisoformat(values["received_at"]),
            update=values["update"],
        )
        int(envelope.update["update_id"])
    except (ValueError, KeyError, TypeError) as error:
        raise BadInput(f"The queue holds a message that is none of ours ({type(error).__name__}).") from None
    if envelope.source != "telegram":
        raise BadInput(f"The queue holds a message from an unknown source, {envelope.source!r}.")
    return envelope
