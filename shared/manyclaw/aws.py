"""AWS clients: one botocore session a process, clients made once per set of credentials.

botocore rather than boto3: the same clients without the resource layer, and 25 ms less at a cold start. Its models
are loaded once a service; a further client for other credentials costs a few milliseconds.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING, Any, cast

from manyclaw.errors import Conflict, Misconfigured, Unavailable

if TYPE_CHECKING:
    from botocore.session import Session
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_ssm import SSMClient
    from mypy_boto3_sts import STSClient


@dataclass(frozen=True, repr=False)
class Credentials:
    """AWS credentials; without a repr, so that no log ever shows them. ``expires_at`` is aware UTC, or None."""

    access_key_id: str
    secret_access_key: str
    session_token: str | None = None
    expires_at: datetime | None = None


@cache
def _session() -> Session:
    from botocore.session import get_session

    return get_session()


_create_lock = Lock()


@dataclass(frozen=True)
class _Patience:
    """How long a client waits for an answer, and how often it tries in all."""

    connect_seconds: float
    read_seconds: float
    tries: int


_PATIENT = _Patience(3, 10, 4)
_HASTY = _Patience(1, 2, 2)


class Clients:
    """The AWS clients for one set of credentials, each made at its first use.

    Parameters
    ----------
    credentials
        None takes the process's own: the function's role, or the operator's profile.
    endpoint
        None takes botocore's (which honours ``AWS_ENDPOINT_URL``).
    """

    def __init__(
        self,
        region: str,
        credentials: Credentials | None = None,
        endpoint: str | None = None,
        profile: str | None = None,
    ) -> None:
        self._region = region
        self._credentials = credentials
        self._endpoint = endpoint
        self._profile = profile
        self._made: dict[tuple[str, _Patience], Any] = {}

    def __repr__(self) -> str:
        return f"Clients(region={self._region!r})"

    def get(self, service: str, *, hasty: bool = False) -> Any:
        """The client of ``service``; thread-safe (botocore's session is not while it creates a client).

        A ``hasty`` one gives up within about four seconds, for calls that are worthless when late.
        """
        return self._client(service, _HASTY if hasty else _PATIENT)

    def impatient(self, service: str, seconds: float) -> Any:
        """A client of ``service`` that waits ``seconds`` for an answer and never tries again."""
        return self._client(service, _Patience(min(seconds, 3), seconds, 1))

    def _client(self, service: str, patience: _Patience) -> Any:
        name = (service, patience)
        client = self._made.get(name)
        if client is None:
            with _create_lock:
                client = self._made.get(name) or self._create(service, patience)
                self._made[name] = client
        return client

    def with_credentials(self, credentials: Credentials) -> Clients:
        """The same place, seen with other credentials."""
        return Clients(self._region, credentials, self._endpoint)

    def _create(self, service: str, patience: _Patience) -> Any:
        from botocore.config import Config

        session = _session()
        if self._profile:
            from botocore.session import Session as BotocoreSession

            session = BotocoreSession(profile=self._profile)
        given = self._credentials
        client = session.create_client(
            service,
            region_name=self._region,
            endpoint_url=self._endpoint,
            aws_access_key_id=given.access_key_id if given else None,
            aws_secret_access_key=given.secret_access_key if given else None,
            aws_session_token=given.session_token if given else None,
            config=Config(
                connect_timeout=patience.connect_seconds,
                read_timeout=patience.read_seconds,
                max_pool_connections=16,
                tcp_keepalive=True,
                retries={"mode": "standard", "total_max_attempts": patience.tries},
            ),
        )
        if service == "dynamodb":
            client.meta.events.register("before-parse.dynamodb.Query", _parse_plainly)
        return client

    @property
    def dynamodb(self) -> DynamoDBClient:
        return cast("DynamoDBClient", self.get("dynamodb"))

    @property
    def s3(self) -> S3Client:
        return cast("S3Client", self.get("s3"))

    @property
    def sqs(self) -> SQSClient:
        return cast("SQSClient", self.get("sqs"))

    @property
    def ssm(self) -> SSMClient:
        return cast("SSMClient", self.get("ssm"))

    @property
    def sts(self) -> STSClient:
        return cast("STSClient", self.get("sts"))


def _parse_plainly(response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: Any) -> None:
    """Take a Query's answer as the JSON that it is.

    botocore walks its model for every attribute of every item, three quarters of what reading a month of counters
    costs, and comes out with the same: only binary attributes differ, and we store none.
    """
    if response_dict["status_code"] == 200:
        customized_response_dict.update(json.loads(response_dict["body"]))
        response_dict["body"] = b"{}"


def error_code(error: Exception) -> str:
    """The AWS error code of a botocore ``ClientError``; empty for anything else."""
    response = getattr(error, "response", None)
    return str(response["Error"].get("Code", "")) if isinstance(response, dict) and "Error" in response else ""


class TransactionRefused(Conflict):
    """A transaction's conditions did not hold. ``failed`` are the indexes of the items that refused.

    ``items`` holds, at the same indexes, the stored item that was in the way where the write asked for it; ``size`` is
    how many items the transaction had.
    """

    def __init__(self, failed: list[int], items: dict[int, dict[str, Any]], size: int = 0) -> None:
        super().__init__(f"The stored state has changed (condition of item {failed} did not hold).")
        self.failed = failed
        self.items = items
        self.size = size

    def among_last(self, count: int) -> bool:
        """Whether only conditions of the transaction's last ``count`` items did not hold."""
        return all(index >= self.size - count for index in self.failed)


CONFLICT_SECONDS = 20.0
"""How long a write waits for other transactions on the same items. A model's answer depends on it: be patient."""


def _pauses() -> Iterator[float]:
    """Growing pauses with jitter, for as long as a conflict may last."""
    began = time.monotonic()
    attempt = 0
    while time.monotonic() - began < CONFLICT_SECONDS:
        yield random.uniform(0.005, 0.02) * 2 ** min(attempt, 5)  # noqa: S311
        attempt += 1


def is_aws_error(error: BaseException) -> bool:
    """Whether botocore raised it: AWS refused, or could not be reached."""
    from botocore.exceptions import BotoCoreError, ClientError

    return isinstance(error, ClientError | BotoCoreError)


def conditionally(call: Callable[..., Any], **arguments: Any) -> dict[str, Any] | None:
    """Make a conditional write of one item; None when its condition did not hold, else DynamoDB's answer.

    Waits out transactions on the same item, which botocore does not.
    """
    from botocore.exceptions import ClientError

    for pause in _pauses():
        try:
            return dict(call(**arguments))
        except ClientError as error:
            if error_code(error) == "ConditionalCheckFailedException":
                return None
            if error_code(error) != "TransactionConflictException":
                raise
        time.sleep(pause)
    raise Unavailable("The table is busy with transactions on the same item.", retry_after=2)


def transact(client: DynamoDBClient, items: list[dict[str, Any]]) -> None:
    """TransactWriteItems that waits out conflicts with other transactions on the same items.

    Two turns of one tenant may settle at the same moment and both add to the day's counters: DynamoDB cancels one of
    them with ``TransactionConflict``, and botocore does not try that again. We do, with jitter.

    Raises
    ------
    TransactionRefused
        A condition did not hold: nothing was written.
    Unavailable
        Still in conflict after :data:`CONFLICT_SECONDS`.
    """
    from botocore.exceptions import ClientError

    for pause in _pauses():
        try:
            client.transact_write_items(TransactItems=cast("Any", items))
            return
        except ClientError as error:
            code = error_code(error)
            reasons = cast("list[dict[str, Any]]", error.response.get("CancellationReasons", []))
            codes = [reason.get("Code", "None") for reason in reasons]
            if code == "TransactionCanceledException" and "ConditionalCheckFailed" in codes:
                failed = [index for index, reason in enumerate(codes) if reason == "ConditionalCheckFailed"]
                raise TransactionRefused(
                    failed, {i: reasons[i].get("Item") or {} for i in failed}, len(items)
                ) from None
            if code not in ("TransactionCanceledException", "TransactionInProgressException"):
                raise
            if set(codes) - {"None", "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}:
                raise
        time.sleep(pause)
    raise Unavailable("The table is busy with other transactions on the same items.", retry_after=2)


_wire: Any = None


def _types() -> Any:
    global _wire
    if _wire is None:
        from boto3.dynamodb import types

        _wire = (types.TypeSerializer(), types.TypeDeserializer())
    return _wire


def to_item(values: dict[str, Any]) -> dict[str, Any]:
    """A plain dict as a DynamoDB item. Numbers are int or Decimal; None values are left out."""
    serializer = _types()[0]
    return {name: serializer.serialize(value) for name, value in values.items() if value is not None}


def from_item(item: dict[str, Any]) -> dict[str, Any]:
    """A DynamoDB item as a plain dict; numbers come back as Decimal."""
    deserializer = _types()[1]
    return {name: deserializer.deserialize(value) for name, value in item.items()}


def pages(call: Callable[..., Any], key: str, **arguments: Any) -> list[dict[str, Any]]:
    """All items of a paged Query, in order."""
    items: list[dict[str, Any]] = []
    while True:
        answer = call(**arguments)
        items.extend(answer.get(key, []))
        last = answer.get("LastEvaluatedKey")
        if not last:
            return items
        arguments["ExclusiveStartKey"] = last


def role_parts(role_arn: str) -> tuple[str, str]:
    """The partition and the account of a role's ARN. Raises ``Misconfigured`` for what is none."""
    parts = role_arn.split(":")
    if len(parts) < 6 or not parts[4]:
        raise Misconfigured(f"{role_arn!r} is not the ARN of a role.", hint="Check the function's environment.")
    return parts[1], parts[4]


def get_rows(client: DynamoDBClient, table: str, keys: list[dict[str, Any]], only: str = "") -> list[dict[str, Any]]:
    """The rows of up to 100 keys that there are, read consistently, in no order. ``only`` names their attributes."""
    wanted: Any = {table: {"Keys": keys, "ConsistentRead": True, **({"ProjectionExpression": only} if only else {})}}
    rows: list[dict[str, Any]] = []
    while wanted:
        answer = client.batch_get_item(RequestItems=wanted)
        rows += [from_item(cast("dict[str, Any]", item)) for item in answer["Responses"].get(table, [])]
        wanted = answer.get("UnprocessedKeys")
    return rows
