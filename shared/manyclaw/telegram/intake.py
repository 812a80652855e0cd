"""What the webhook does: let in what truly comes from a tenant's bot, and put it on the queue, whole.

It never calls the model, Telegram or S3. A message costs one SQS request, and one DynamoDB read where this process has
not checked the tenant's pairing within the last seconds.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime

from manyclaw.aws_json import AwsJson
from manyclaw.errors import BadInput, Refused
from manyclaw.settings import Settings
from manyclaw.telegram.updates import UpdateHead, read_update
from manyclaw.tenancy.ids import TenantId, tenant_id

PAIRING_SECONDS = 30.0
"""How long a process trusts a pairing that it has read: an unpaired bot's updates are taken at most that long."""

_NO_PAIRING = hashlib.sha256(b"no pairing").hexdigest()
_UNSENDABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
"""Characters that SQS refuses in a message body; JSON text can hold only the last two unescaped."""


@dataclass(frozen=True)
class _Pairing:
    secret_sha256: str
    bot_id: int
    read_at: float


class Intake:
    """Checks and queues updates; one for the life of a process."""

    def __init__(self, settings: Settings, aws: AwsJson) -> None:
        self._settings = settings
        self._aws = aws
        self._pairings: dict[TenantId, _Pairing] = {}

    def accept(self, tenant: str, secret: str, body: bytes) -> UpdateHead:
        """Queue an update for the agent; one of a kind that we do not handle is let go.

        Raises
        ------
        Refused
            Unknown tenant, unpaired tenant, missing or wrong secret: all alike, so that nobody can list tenants.
        BadInput
            The body is no update.
        """
        checked, pairing = self._authenticate(tenant, secret)
        head = read_update(body)
        if head.chat_id is not None:
            self._queue(checked, pairing.bot_id, head, body.decode("utf-8"))
        return head

    def _authenticate(self, tenant: str, secret: str) -> tuple[TenantId, _Pairing]:
        try:
            checked = tenant_id(tenant)
        except BadInput:
            raise Refused("No bot is paired under this address, or the secret is wrong.") from None
        held = self._pairings.get(checked)
        if held is None or time.monotonic() - held.read_at > PAIRING_SECONDS or not _matches(secret, held):
            held = self._read_pairing(checked)
        if not _matches(secret, held):
            raise Refused("No bot is paired under this address, or the secret is wrong.")
        return checked, held

    def _read_pairing(self, tenant: TenantId) -> _Pairing:
        answer = self._aws.call(
            "dynamodb",
            "GetItem",
            {
                "TableName": self._settings.table,
                "Key": {"pk": {"S": "GATEWAY"}, "sk": {"S": f"WEBHOOK#{tenant}"}},
                "ConsistentRead": True,
            },
        )
        item = answer.get("Item")
        if not item:
            self._pairings.pop(tenant, None)
            return _Pairing(_NO_PAIRING, 0, 0.0)
        pairing = _Pairing(item["secret_sha256"]["S"], int(item["bot_id"]["N"]), time.monotonic())
        if len(self._pairings) >= 4096:
            self._pairings.clear()
        self._pairings[tenant] = pairing
        return pairing

    def _queue(self, tenant: TenantId, bot_id: int, head: UpdateHead, update: str) -> None:
        if _UNSENDABLE.search(update):
            update = json.dumps(json.loads(update))
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        message = (
            f'{{"source":"telegram","tenant":"{tenant}","bot_id":{bot_id},"received_at":"{now}","update":{update}}}'
        )
        self._aws.call(
            "sqs",
            "SendMessage",
            {
                "QueueUrl": self._settings.inbound_queue_url,
                "MessageBody": message,
                "MessageGroupId": f"{tenant}/{head.chat_id}",
                "MessageDeduplicationId": f"{tenant}/{bot_id}/{head.update_id}",
            },
        )


def _matches(secret: str, pairing: _Pairing) -> bool:
    """Hashes of equal length are compared in constant time; the missing pairing's matches no secret.

    A dummy hash stands in for a missing pairing, so that its refusal takes the same path and time.
    """
    given = hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
    return hmac.compare_digest(given, pairing.secret_sha256) and pairing.bot_id != 0
