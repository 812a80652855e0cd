"""What an operator wants to know of memories without opening them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from manyclaw.memory.model import Subject, memory_path, subject_of
from manyclaw.sessions import list_conversations
from manyclaw.tenancy import TenantScope


@dataclass(frozen=True)
class StoredBytes:
    """The size of a memory's files in S3: those in force, and old versions, which the next optimization removes."""

    current: int = 0
    old: int = 0


def stored_bytes(scope: TenantScope, whose: Subject) -> StoredBytes:
    """Sum up the subject's files, all versions, by listing them."""
    prefix = scope.object_key(memory_path(whose))
    arguments: dict[str, Any] = {"Bucket": scope.bucket, "Prefix": prefix}
    current = old = 0
    while True:
        answer: dict[str, Any] = dict(scope.clients.s3.list_object_versions(**arguments))
        for version in answer.get("Versions", []):
            if version["IsLatest"]:
                current += int(version["Size"])
            else:
                old += int(version["Size"])
        if not answer.get("IsTruncated"):
            return StoredBytes(current, old)
        arguments |= {"KeyMarker": answer["NextKeyMarker"], "VersionIdMarker": answer["NextVersionIdMarker"]}


def subjects_in_transcripts(scope: TenantScope) -> list[Subject]:
    """Everybody who has a transcript, whether or not there is a memory."""
    found: dict[Subject, None] = {}
    for conversation, chat_type in list_conversations(scope):
        chat = int(conversation.partition(":")[0])
        found[subject_of(chat, private=chat_type == "private")] = None
    return list(found)
