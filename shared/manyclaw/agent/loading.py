"""Everything a turn has to know before it can begin, read side by side."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, cast

from manyclaw.agent.runtime import Runtime
from manyclaw.agent.skill_tools import names_of
from manyclaw.agent.tools import tool_names
from manyclaw.aws import from_item
from manyclaw.sessions import Transcript, load_transcript
from manyclaw.skills import SKILLS_ROW, Index, Installed, skills_of
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
    skills: tuple[Installed, ...] = ()


def load(runtime: Runtime, scope: TenantScope, conversation: str) -> Loaded:
    """Three requests at once: tenant and pairing, transcript, overlay (S3, unchanged mostly: 304)."""
    pool: ThreadPoolExecutor = runtime.pool
    pool.submit(_import_sdk)
    transcript = pool.submit(load_transcript, scope, conversation)
    rows = pool.submit(_tenant_rows, scope)
    gateway = load_gateway_config(runtime.clients, runtime.settings)

    def skills() -> Index:
        return skills_of(rows.result().get(SKILLS_ROW))

    overlay = load_overlay(scope, gateway, lambda: tool_names() | names_of(skills().skills))
    found = rows.result()
    pairing = found.get("PAIRING#telegram")
    return Loaded(
        status=str(found.get("META", {}).get("status", "")),
        pairing=pairing_of(pairing) if pairing else None,
        gateway=gateway,
        overlay=overlay,
        transcript=transcript.result(),
        skills=skills().skills,
    )


def _tenant_rows(scope: TenantScope) -> dict[str, dict[str, Any]]:
    keys = [scope.key(sk).wire() for sk in ("META", "PAIRING#telegram", SKILLS_ROW)]
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
