"""Everything a turn has to know before it can begin, read side by side."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, cast

from manyclaw.agent.runtime import Runtime
from manyclaw.agent.tools import tool_names
from manyclaw.aws import from_item
from manyclaw.sessions import Transcript, load_transcript
from manyclaw.telegram import Pairing, pairing_of
from manyclaw.tenancy import GatewayConfig, LoadedOverlay, TenantScope, load_gateway_config, load_overlay


@dataclass(frozen=True)
class Loaded:
    """The tenant as it is now. ``status`` is empty for a tenant that is not there; ``pairing`` None if unpaired."""

    status: str
    pairing: Pairing | None
    gateway: GatewayConfig
    overlay: LoadedOverlay
    transcript: Transcript


def load(runtime: Runtime, scope: TenantScope, conversation: str) -> Loaded:
    """Three requests at once: tenant and pairing, transcript, overlay (S3, unchanged mostly: 304)."""
    pool: ThreadPoolExecutor = runtime.pool
    pool.submit(_import_sdk)
    transcript = pool.submit(load_transcript, scope, conversation)
    rows = pool.submit(_tenant_rows, scope)
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
    )


def _tenant_rows(scope: TenantScope) -> dict[str, dict[str, Any]]:
    keys = [scope.key("META").wire(), scope.key("PAIRING#telegram").wire()]
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
