"""Forgetting a person or a group: after it, no byte of what was said is left under the tenant's keys.

Nothing here needs LanceDB: a table is files, and they go with all their versions. What the memory function may be
writing at the same moment is caught by the subject's row: its generation changes first, and a writer that finds its own
generation no longer in force removes what it has written (service.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from manyclaw.audit import intent
from manyclaw.memory.model import Subject, memory_path
from manyclaw.memory.subjects import load_memory_row, mark_forgotten
from manyclaw.memory.transcripts import chat_of
from manyclaw.sessions import conversations_of
from manyclaw.tenancy import TenantScope, remove_objects, remove_rows, row_keys, strip_rows

TEXTS_OF_A_TURN = ("parts", "note", "message_ids")
"""What a turn's record holds of a conversation's words. The record itself stays: it is what keeps an update that
Telegram delivers once more from being answered again."""


@dataclass(frozen=True)
class ForgetReport:
    """What was removed, or with ``dry_run`` would be.

    Attributes
    ----------
    memory_files, media_files
        S3 object versions and delete markers.
    messages
        Rows of transcripts.
    turns
        Turn records whose texts were taken out, and steps of turns.
    """

    subject: Subject
    dry_run: bool
    facts: int
    remembered_turns: int
    memory_files: int
    media_files: int
    conversations: int
    messages: int
    turns: int


def media_path(whose: Subject) -> str:
    """Where a subject's media lie under the tenant's prefix."""
    return f"media/{whose}/"


def forget(scope: TenantScope, whose: Subject, until: datetime, *, dry_run: bool = False) -> ForgetReport:
    """Remove the subject's memory, facts, transcripts and media. To do it again is harmless.

    Parameters
    ----------
    until
        Turns up to this time (UTC) that are still on their way to the memory are not indexed any more. Telegram's times
        are whole seconds, so what is said within the same second is not remembered either.

    Raises
    ------
    Outdated, Unavailable
        Somebody else changes this memory at the same moment; S3 refuses to remove some files. Do it again.
    """
    if dry_run:
        return _forget(scope, whose, until, dry_run=True)
    with intent(scope.audit, "memory.forget", on=f"subject:{whose}") as told:
        report = _forget(scope, whose, until, dry_run=False)
        told |= {"messages": report.messages, "files": report.memory_files, "facts": report.facts}
    return report


def _forget(scope: TenantScope, whose: Subject, until: datetime, *, dry_run: bool) -> ForgetReport:
    row = load_memory_row(scope, whose)
    if not dry_run:
        mark_forgotten(scope, whose, until)
    conversations = conversations_of(scope, chat_of(whose))
    counted = [_forget_conversation(scope, each, dry_run) for each in conversations]
    return ForgetReport(
        subject=whose,
        dry_run=dry_run,
        facts=len(row.facts),
        remembered_turns=row.turns,
        memory_files=remove_objects(scope, memory_path(whose), dry_run=dry_run),
        media_files=remove_objects(scope, media_path(whose), dry_run=dry_run),
        conversations=len(conversations),
        messages=sum(messages for messages, _ in counted),
        turns=sum(turns for _, turns in counted),
    )


def _forget_conversation(scope: TenantScope, conversation: str, dry_run: bool) -> tuple[int, int]:
    """How many messages and turn rows. The conversation stays listed, since its turns' records do."""
    rows = row_keys(scope, scope.part(f"CHAT#{conversation}", "").pk)
    turns = [row for row in rows if _sk(row).startswith("TURN#") and "#STEP#" not in _sk(row)]
    steps = [row for row in rows if "#STEP#" in _sk(row)]
    messages = [row for row in rows if not _sk(row).startswith("TURN#")]
    if not dry_run:
        remove_rows(scope, messages + steps)
        strip_rows(scope, turns, TEXTS_OF_A_TURN)
    return sum(_sk(row) != "MSG#HEAD" for row in messages), len(turns) + len(steps)


def _sk(row: dict[str, Any]) -> str:
    return str(row["sk"]["S"])
