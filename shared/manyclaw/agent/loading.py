"""Everything a turn has to know before it can begin, read side by side."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, cast

from manyclaw.agent.remembering import Recalling, recalling
from manyclaw.agent.runtime import Runtime
from manyclaw.agent.tools import tool_names
from manyclaw.aws import from_item
from manyclaw.memory import MemoryRow, memory_key, memory_row, subject_of
from manyclaw.sessions import Transcript, load_transcript
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
    memory: MemoryRow
    recalled: Recalling


def load(runtime: Runtime, scope: TenantScope, message: IncomingMessage) -> Loaded:
    """Four requests at once: tenant, pairing and facts; transcript; overlay (S3, unchanged mostly: 304); memory.

    The last is only begun here: who needs it waits for it.
    """
    pool: ThreadPoolExecutor = runtime.pool
    whose = subject_of(message.chat_id, private=message.is_private)
    recalled = recalling(runtime, scope, whose, message)
    pool.submit(_import_sdk)
    transcript = pool.submit(load_transcript, scope, message.conversation)
    remembered = memory_key(scope, whose)
    rows = pool.submit(_tenant_rows, scope, remembered)
    gateway = load_gateway_config(runtime.clients, runtime.settings)
    overlay = load_overlay(scope, gateway, tool_names())
    found = rows.result()
    pairing = found.get("PAIRING#telegram")
    return Loaded(
        status=str(found.get("META", {}).get("status", "")),
        pairing=pairing_of(pairing) if pairing else None,
        gateway=gateway,
        overlay=overlay,
        transcript=transcript.result(),
        memory=memory_row(whose, found.get(remembered.sk)),
        recalled=recalled,
    )


def _tenant_rows(scope: TenantScope, remembered: Key) -> dict[str, dict[str, Any]]:
    keys = [scope.key("META").wire(), scope.key("PAIRING#telegram").wire(), remembered.wire()]
    wanted: Any = {scope.table: {"Keys": keys, "ConsistentRead": True}}
    items: list[dict[str, Any]] = []
    while wanted:
        answer = scope.clients.dynamodb.batch_get_item(RequestItems=wanted)
        items += [from_item(cast("dict[str, Any]", item)) for item in answer["Responses"].get(scope.table, [])]
        wanted = answer.get("UnprocessedKeys")
    return {item["sk"]: item for item in items}


def _import_sdk() -> None:
    """At a cold start the model's SDK takes most of a second to import: do it while the table is read."""
    import anthropic  # noqa: F401
