"""The sealer's session: one log's inbox and chain, and its folder in the bucket. It can do nothing else."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from datetime import UTC, datetime, timedelta

from manyclaw.audit.entries import OPERATOR, Inbox
from manyclaw.audit.shipping import prefix_of
from manyclaw.aws import Clients, Credentials, role_parts
from manyclaw.settings import Settings

_SECONDS = 3600
_RENEW_BEFORE = timedelta(minutes=6)


def sealer_policy(settings: Settings, owner: str) -> str:
    """The inline policy of one log's session, as compact JSON: literal ARNs and leading keys."""
    partition, account = role_parts(settings.sealer_role_arn)
    statements = [
        {
            "Effect": "Allow",
            "Action": [f"dynamodb:{action}Item" for action in ("Delete", "Get", "Put", "Update")] + ["dynamodb:Query"],
            "Resource": f"arn:{partition}:dynamodb:{settings.region}:{account}:table/{settings.table}",
            "Condition": {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [f"{owner}#INBOX", f"{owner}#AUDIT"]}},
        },
        {
            "Effect": "Allow",
            "Action": ["s3:GetObject", "s3:PutObject"],
            "Resource": f"arn:{partition}:s3:::{settings.audit_bucket}/{prefix_of(owner)}*",
        },
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, separators=(",", ":"))


class SealingScopes:
    """Opens the sealer's sessions and keeps them until shortly before they end. Threads may share it."""

    def __init__(self, settings: Settings, clients: Clients, keep: int = 64) -> None:
        self._settings = settings
        self._clients = clients
        self._keep = keep
        self._open: OrderedDict[str, tuple[datetime, Inbox]] = OrderedDict()
        self._lock = threading.Lock()

    def open(self, owner: str) -> Inbox:
        """The log of ``owner``, a tenant's id or ``OPERATOR``, with the right to seal it."""
        with self._lock:
            held = self._open.get(owner)
            if held and held[0] > datetime.now(UTC):
                self._open.move_to_end(owner)
                return held[1]
        answer = self._clients.sts.assume_role(
            RoleArn=self._settings.sealer_role_arn,
            RoleSessionName=f"seal-{owner.lower()}" if owner != OPERATOR else "seal-operator",
            Policy=sealer_policy(self._settings, owner),
            DurationSeconds=_SECONDS,
        )
        given = answer["Credentials"]
        credentials = Credentials(
            given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"], given["Expiration"]
        )
        log = Inbox(owner, self._settings.table, self._clients.with_credentials(credentials))
        with self._lock:
            self._open[owner] = (given["Expiration"] - _RENEW_BEFORE, log)
            while len(self._open) > self._keep:
                self._open.popitem(last=False)
        return log
