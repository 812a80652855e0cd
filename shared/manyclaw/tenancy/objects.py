"""Small text files in the data bucket: conditional reads and writes, with S3's refusals as our errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from manyclaw.aws import error_code
from manyclaw.errors import Conflict, Unavailable


@dataclass(frozen=True)
class StoredText:
    """A file as it was read: its bytes (people write them, so perhaps no UTF-8) and its ETag, quotes included."""

    data: bytes
    etag: str

    @property
    def text(self) -> str:
        return self.data.decode("utf-8", "replace")


class Unchanged(Exception):
    """The file still has the ETag that the reader holds."""


def read_text(s3: Any, bucket: str, key: str, *, known_etag: str = "") -> StoredText | None:
    """The file, or None when there is none.

    For a missing key S3 answers 403 instead of 404 to one who may not list it without a prefix, as a tenant's session
    may not; a listing of just that key then tells the two apart.

    Raises
    ------
    Unchanged
        It still has ``known_etag``.
    Unavailable
        S3 is down or did not answer in time.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    arguments = {"Bucket": bucket, "Key": key} | ({"IfNoneMatch": known_etag} if known_etag else {})
    try:
        answer = s3.get_object(**arguments)
        return StoredText(answer["Body"].read(), answer["ETag"])
    except ClientError as error:
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        if status == 304:
            raise Unchanged from None
        if error_code(error) in ("NoSuchKey", "404") or (status == 403 and not _listed(s3, bucket, key)):
            return None
        if status >= 500:
            raise Unavailable(f"S3 answered {status} to the reading of {key}.") from None
        raise
    except BotoCoreError as error:
        raise Unavailable(f"S3 could not be read ({type(error).__name__}).") from None


def _listed(s3: Any, bucket: str, key: str) -> bool:
    """Whether the key exists; True also when listing is refused, since then the 403 was about the right to read."""
    from botocore.exceptions import ClientError

    try:
        found = s3.list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1).get("Contents", [])
    except ClientError:
        return True
    return any(each["Key"] == key for each in found)


def write_text(
    s3: Any,
    bucket: str,
    key: str,
    text: str | bytes,
    *,
    etag: str,
    content_type: str = "application/yaml; charset=utf-8",
) -> str:
    """Write the file if it still has ``etag`` ("" = if there is none yet); gives the new ETag.

    Raises
    ------
    Conflict
        Somebody else has written it meanwhile.
    """
    from botocore.exceptions import ClientError

    condition = {"IfMatch": etag} if etag else {"IfNoneMatch": "*"}
    try:
        answer = s3.put_object(
            Bucket=bucket,
            Key=key,
            Body=text.encode() if isinstance(text, str) else text,
            ContentType=content_type,
            **condition,
        )
    except ClientError as error:
        if error_code(error) in ("PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey", "412", "409"):
            raise Conflict(
                f"{key} was changed by somebody else meanwhile.", hint="Read it again and repeat your change."
            ) from None
        raise
    return str(answer["ETag"])
