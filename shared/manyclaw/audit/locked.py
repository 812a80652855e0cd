"""The locked copies, read as an auditor has to: each key's first version, whatever was put over it later."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from manyclaw.audit.shipping import prefix_of
from manyclaw.aws import Clients


@dataclass(frozen=True)
class Segment:
    """One segment as it was first written.

    Attributes
    ----------
    version
        The first one's id; "" where there is only a delete marker.
    first
        The number of its first entry, as its key names it; 0 for a key that names none.
    versions
        How many versions and delete markers the key has; more than one means that somebody wrote over it.
    """

    key: str
    version: str
    first: int
    versions: int


@dataclass(frozen=True)
class Content:
    """What a segment holds, what was said of it when it was written, and until when it is locked (None: it is not)."""

    lines: list[str]
    last_hash: str
    locked_until: datetime | None


class Locked:
    """The bucket's part of one log."""

    def __init__(self, clients: Clients, bucket: str, owner: str) -> None:
        self._s3 = clients.s3
        self._bucket = bucket
        self._prefix = prefix_of(owner)

    def segments(self) -> Iterator[Segment]:
        """All segments in the order of their keys."""
        arguments: dict[str, Any] = {"Bucket": self._bucket, "Prefix": self._prefix}
        kept: list[dict[str, Any]] = []
        while True:
            answer: dict[str, Any] = dict(self._s3.list_object_versions(**arguments))
            found = [*answer.get("Versions", []), *answer.get("DeleteMarkers", [])]
            for each in sorted(found, key=_key):  # stable: of each key the newest stands first, as S3 lists them
                if kept and kept[0]["Key"] != each["Key"]:
                    yield self._segment(kept)
                    kept = []
                kept.append(each)
            if not answer.get("IsTruncated"):
                break
            arguments["KeyMarker"] = answer["NextKeyMarker"]
            arguments["VersionIdMarker"] = answer["NextVersionIdMarker"]
        if kept:
            yield self._segment(kept)

    def _segment(self, versions: list[dict[str, Any]]) -> Segment:
        """By the oldest of a key's versions, which S3 lists last. Times do not tell: they are whole seconds."""
        key = str(versions[0]["Key"])
        written = [str(each["VersionId"]) for each in versions if "Size" in each]
        name = key.removeprefix(self._prefix).removesuffix(".jsonl")
        first = int(name) if name.isdigit() and len(name) == 12 else 0
        return Segment(key, written[-1] if written else "", first, len(versions))

    def read(self, segment: Segment) -> Content:
        """A segment's lines."""
        answer = self._s3.get_object(Bucket=self._bucket, Key=segment.key, VersionId=segment.version)
        lines = answer["Body"].read().decode("ascii", "replace").split("\n")
        until = answer.get("ObjectLockRetainUntilDate") if answer.get("ObjectLockMode") == "COMPLIANCE" else None
        if lines and not lines[-1]:
            lines.pop()
        return Content(lines, answer.get("Metadata", {}).get("sha256-of-last", ""), until)


def _key(version: dict[str, Any]) -> str:
    return str(version["Key"])
