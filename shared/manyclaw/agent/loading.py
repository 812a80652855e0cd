"""Everything a turn has to know before it can begin, read side by side."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from manyclaw.agent.remembering import Recalling, recalling
from manyclaw.agent.runtime import Runtime
from manyclaw.agent.skill_tools import names_of
from manyclaw.agent.tools import tool_names
from manyclaw.aws import get_rows
from manyclaw.billing import Gate, Limits, Window, Windows, total_key, user_key
from manyclaw.memory import MemoryRow, memory_key, memory_row, subject_of
from manyclaw.sessions import Transcript, load_transcript
from manyclaw.skills import SKILLS_ROW, Index, Installed, skills_of
from manyclaw.telegram import IncomingMessage, Pairing, pairing_of
from manyclaw.tenancy import GatewayConfig, Key, LoadedOverlay, TenantScope, load_gateway_config, load_overlay


@dataclass(frozen=True)
class Loaded:
    """The tenant as it is now. ``status`` is empty for a tenant that is not there; ``pairing`` None if unpaired."""

    status: str
    pairing: Pairing | None
    gateway: GatewayConfig
    overlay: LoadedOverlay
    transcript: Transcript
    gate: Gate | None
    """The tenant's limits as this turn meets them; None for a tenant without any."""
    memory: MemoryRow
    recalled: Recalling
    skills: tuple[Installed, ...] = ()


def load(runtime: Runtime, scope: TenantScope, message: IncomingMessage, *, asks: bool = True) -> Loaded:
    """Four requests at once: tenant, pairing, counters and facts; transcript; overlay (S3: mostly 304); memory.

    The last is only begun here: who needs it waits for it. ``asks`` is false for a turn that asks no model.
    """
    pool: ThreadPoolExecutor = runtime.pool
    whose = subject_of(message.chat_id, private=message.is_private)
    recalled = recalling(runtime, scope, whose, message) if asks else Recalling(None, scope.tenant)
    if asks:
        pool.submit(_import_sdk)
    transcript = pool.submit(load_transcript, scope, message.conversation)
    today, user = datetime.now(UTC).date(), message.user
    remembered = memory_key(scope, whose)
    counters = (total_key(scope, today), user_key(scope, today, user))
    rows = pool.submit(_tenant_rows, scope, (*counters, remembered))
    gateway = load_gateway_config(runtime.clients, runtime.settings)

    def skills() -> Index:
        return skills_of(rows.result().get(SKILLS_ROW))

    overlay = load_overlay(scope, gateway, lambda: tool_names() | names_of(skills().skills))
    found = rows.result()
    pairing = found.get("PAIRING#telegram")
    limits = Limits.of(found.get("META", {}).get("limits"))
    windows = Windows(*(Window.of(found.get(key.sk)) for key in counters))
    return Loaded(
        status=str(found.get("META", {}).get("status", "")),
        pairing=pairing_of(pairing) if pairing else None,
        gateway=gateway,
        overlay=overlay,
        transcript=transcript.result(),
        gate=Gate(scope, limits, user, windows, today, sleep=runtime.sleep) if limits else None,
        skills=skills().skills,
        memory=memory_row(whose, found.get(remembered.sk)),
        recalled=recalled,
    )


def _tenant_rows(scope: TenantScope, more: Iterable[Key]) -> dict[str, dict[str, Any]]:
    keys = [key.wire() for key in (*map(scope.key, ("META", "PAIRING#telegram", SKILLS_ROW)), *more)]
    return {row["sk"]: row for row in get_rows(scope.clients.dynamodb, scope.table, keys)}


def _import_sdk() -> None:
    """At a cold start the model's SDK takes most of a second to import: do it while the table is read."""
    import anthropic  # noqa: F401
