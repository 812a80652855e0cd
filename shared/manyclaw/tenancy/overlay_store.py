"""Where a tenant's overlay lies, and which version of it is in force.

The agent asks before each turn with one conditional GET. What is in force is the newest version that was good: it is
remembered in the table (``CONFIG#good``), so that a function that starts after the file was broken still knows it. A
broken version is written down once (``CONFIG#problem``), and the one process that wrote it tells the owner.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from threading import Lock
from typing import Any

from manyclaw.audit import SYSTEM, digest, entry, intent, record
from manyclaw.aws import TransactionRefused, from_item, pages, to_item, transact
from manyclaw.tenancy.documents import InvalidDocument
from manyclaw.tenancy.gateway import GatewayConfig
from manyclaw.tenancy.objects import StoredText, Unchanged, read_text, write_text
from manyclaw.tenancy.overlay import MCP_PREFIX, OVERLAY_PATH, Overlay, check_overlay, parse_overlay
from manyclaw.tenancy.registry import utc_now
from manyclaw.tenancy.scope import TenantScope

_GOOD = "CONFIG#good"
_PROBLEM = "CONFIG#problem"
_KEEP = 1_000
_MISSING = StoredText(b"", "")
"""A tenant without a file has the defaults, as if its file were empty."""


@dataclass(frozen=True)
class LoadedOverlay:
    """The overlay in force.

    Attributes
    ----------
    etag
        Of the version in force; "" when there is no file.
    problem
        Why the newest version is not in force, with its lines; None when it is.
    problem_is_new
        True for exactly one caller over all processes: the one that should tell the owner.
    """

    overlay: Overlay
    etag: str
    problem: str | None = None
    problem_is_new: bool = False


@dataclass(frozen=True)
class _Seen:
    """What this process knows of a tenant: the file as last read, what it was judged by, and the judgement."""

    stored: StoredText
    gateway: GatewayConfig
    tools: frozenset[str]
    loaded: LoadedOverlay


_seen: dict[tuple[str, str], _Seen] = {}
_lock = Lock()


def load_overlay(
    scope: TenantScope, gateway: GatewayConfig, tools: frozenset[str] | Callable[[], frozenset[str]]
) -> LoadedOverlay:
    """The overlay in force for the turn that begins now: one S3 request, and table requests only after a change.

    ``tools`` may be a function, asked after the file was read: the tenant's own tools may be on their way.

    Raises
    ------
    Unavailable
        S3 did not answer.
    """
    slot = (scope.bucket, scope.tenant)
    seen = _seen.get(slot)
    try:
        known = seen.stored.etag if seen else ""
        stored = read_text(scope.clients.s3, scope.bucket, scope.object_key(OVERLAY_PATH), known_etag=known) or _MISSING
    except Unchanged:
        assert seen is not None
        stored = seen.stored
    names = tools() if callable(tools) else tools
    if seen and seen.stored == stored and seen.gateway is gateway and seen.tools == names:
        return seen.loaded
    loaded = _judge(scope, stored, gateway, names)
    told = LoadedOverlay(loaded.overlay, loaded.etag, loaded.problem)
    with _lock:
        _seen.pop(slot, None)
        _seen[slot] = _Seen(stored, gateway, names, told)
        while len(_seen) > _KEEP:
            _seen.pop(next(iter(_seen)))
    return loaded


def _judge(scope: TenantScope, stored: StoredText, gateway: GatewayConfig, tools: frozenset[str]) -> LoadedOverlay:
    rows = _config_rows(scope)
    good = rows.get(_GOOD)
    try:
        overlay = check_overlay(stored.data, gateway, tools)
    except InvalidDocument as error:
        is_new = _write_problem(scope, stored, error)
        last = _usable(str(good["yaml"]), gateway, tools) if good else Overlay()
        return LoadedOverlay(last, str(good["etag"]) if good else "", str(error), is_new)
    if (good or {"etag": ""})["etag"] != stored.etag:
        _write_good(scope, stored, (good or {}).get("etag"))
    if _PROBLEM in rows:
        scope.clients.dynamodb.delete_item(TableName=scope.table, Key=scope.key(_PROBLEM).wire())
    return LoadedOverlay(overlay, stored.etag)


def _usable(text: str, gateway: GatewayConfig, tools: frozenset[str]) -> Overlay:
    """A version that was good once. What the gateway has withdrawn since (a model, a tool) is left out of it."""
    try:
        overlay = parse_overlay(text)
    except InvalidDocument:
        return Overlay()
    return overlay.model_copy(
        update={
            "model": overlay.model if overlay.model in gateway.models else None,
            "allowed_tools": tuple(
                tool for tool in overlay.allowed_tools if tool in tools or tool.startswith(MCP_PREFIX)
            ),
        }
    )


def _config_rows(scope: TenantScope) -> dict[str, dict[str, Any]]:
    items = pages(
        scope.clients.dynamodb.query,
        "Items",
        TableName=scope.table,
        KeyConditionExpression="pk = :pk AND begins_with(sk, :prefix)",
        ExpressionAttributeValues=to_item({":pk": scope.key("").pk, ":prefix": "CONFIG#"}),
        ConsistentRead=True,
    )
    return {row["sk"]: row for row in map(from_item, items)}


def _put(scope: TenantScope, sk: str, values: dict[str, Any], told: dict[str, Any], **condition: Any) -> bool:
    """Write a row with its entry for the audit log; False when the condition did not hold."""
    item = to_item({"pk": scope.key(sk).pk, "sk": sk, **values})
    try:
        transact(scope.clients.dynamodb, [{"Put": {"TableName": scope.table, "Item": item, **condition}}, told])
    except TransactionRefused:
        return False
    return True


def _write_good(scope: TenantScope, stored: StoredText, before: str | None) -> None:
    """Remember a good version. However it got into the bucket, the audit log then knows that it came into force."""
    etag = stored.etag.strip('"')
    told = entry(scope.audit, "config.in_force", on=OVERLAY_PATH, actor=SYSTEM, etag=etag, sha256=digest(stored.data))
    condition = {"ConditionExpression": "attribute_not_exists(sk)"} if before is None else {}
    if before is not None:
        condition = {"ConditionExpression": "etag = :before"}
        condition |= {"ExpressionAttributeValues": to_item({":before": before})}  # type: ignore[dict-item]
    _put(scope, _GOOD, {"etag": stored.etag, "yaml": stored.text, "at": utc_now()}, told, **condition)


def _write_problem(scope: TenantScope, stored: StoredText, error: InvalidDocument) -> bool:
    return _put(
        scope,
        _PROBLEM,
        {"etag": stored.etag, "message": str(error)[:4_000], "at": utc_now()},
        entry(scope.audit, "config.refused", actor=SYSTEM, **_refusal(stored.data, error)),
        ConditionExpression="attribute_not_exists(sk) OR etag <> :etag",
        ExpressionAttributeValues=to_item({":etag": stored.etag}),
    )


def _refusal(data: bytes, error: InvalidDocument) -> dict[str, Any]:
    """What the audit log is told of a broken file: which it was and the lines, never what stands there."""
    lines = [str(problem.line) for problem in error.problems]
    return {"on": OVERLAY_PATH, "outcome": "refused", "sha256": digest(data), "lines": lines}


def refuse_overlay(scope: TenantScope, data: bytes, error: InvalidDocument) -> None:
    """Write down that somebody handed in a broken file; nothing else comes of it."""
    record(scope.audit, "config.refused", **_refusal(data, error))


def read_overlay(scope: TenantScope) -> StoredText | None:
    """The file as it is, good or broken; None when the tenant has none."""
    return read_text(scope.clients.s3, scope.bucket, scope.object_key(OVERLAY_PATH))


def save_overlay(
    scope: TenantScope, text: str, gateway: GatewayConfig, tools: frozenset[str], *, if_match: str | None = None
) -> bool:
    """Check ``text`` and put it into force from the next turn on; False when the file was the same already.

    Parameters
    ----------
    if_match
        The ETag that the editor read ("" = there was no file), so that two editors cannot overwrite each other. None
        replaces whatever is there now.

    Raises
    ------
    InvalidDocument
        With the line of each problem; nothing is written.
    Conflict
        Somebody else has written it meanwhile.
    """
    return replace_overlay(scope, text, gateway, tools, if_match=if_match).changed


@dataclass(frozen=True)
class SavedOverlay:
    """What a save did: whether the file changed, and the ETag that it has now."""

    changed: bool
    etag: str


def replace_overlay(
    scope: TenantScope, text: str, gateway: GatewayConfig, tools: frozenset[str], *, if_match: str | None = None
) -> SavedOverlay:
    """As :func:`save_overlay`, for one who goes on with the new ETag."""
    try:
        owners = check_overlay(text, gateway, tools).owners
    except InvalidDocument as error:
        refuse_overlay(scope, text.encode(), error)
        raise
    stored = read_overlay(scope)
    if stored and stored.data == text.encode():
        return SavedOverlay(False, stored.etag)
    present = stored.etag if stored else ""
    etag = present if if_match is None else if_match
    before = _usable(stored.text, gateway, tools).owners if stored else ()
    with ExitStack() as told:
        change = intent(scope.audit, "config.change", on=OVERLAY_PATH, sha256=digest(text), bytes=len(text.encode()))
        told.enter_context(change)
        if set(before) != set(owners):
            added, removed = _numbers(owners, before), _numbers(before, owners)
            told.enter_context(intent(scope.audit, "owners.change", on=OVERLAY_PATH, added=added, removed=removed))
        written = write_text(scope.clients.s3, scope.bucket, scope.object_key(OVERLAY_PATH), text, etag=etag)
    return SavedOverlay(True, written)


def _numbers(these: tuple[int, ...], those: tuple[int, ...]) -> list[str]:
    """Owners who are among the first and not among the others: Telegram's numbers."""
    return [str(each) for each in sorted(set(these) - set(those))]
