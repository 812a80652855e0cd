"""TenantScope: the one object through which a tenant's data is touched."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Any

from manyclaw.audit import Inbox
from manyclaw.aws import Clients, Credentials, role_parts
from manyclaw.settings import Settings
from manyclaw.tenancy.ids import TenantId, tenant_id
from manyclaw.tenancy.policy import schedule_name, session_policy

SESSION_SECONDS = 3600
"""Role chaining (a function's role assuming another) allows one hour at most."""

_RENEW_BEFORE = timedelta(minutes=5)


@dataclass(frozen=True)
class Key:
    """A table key of one tenant. Only :class:`TenantScope` makes one."""

    pk: str
    sk: str

    def wire(self) -> dict[str, Any]:
        """As DynamoDB's ``Key`` argument."""
        return {"pk": {"S": self.pk}, "sk": {"S": self.sk}}


class TenantScope:
    """A session that can reach one tenant's data and nothing else, and the builder of all its keys.

    Everything that stores takes one as an argument; there is no default tenant. The credentials come from
    ``sts:AssumeRole`` with :func:`~manyclaw.tenancy.policy.session_policy`, so a key built wrongly is refused by IAM.
    """

    def __init__(
        self, tenant: TenantId, settings: Settings, clients: Clients, credentials: Credentials | None = None
    ) -> None:
        self.tenant = tenant
        self._credentials = credentials
        self.table = settings.table
        self.bucket = settings.bucket
        self._stack = settings.stack
        self._settings = settings
        self.clients = clients

    def __repr__(self) -> str:
        return f"TenantScope({self.tenant!r})"

    @property
    def credentials(self) -> Credentials:
        """The session's own, for a library that makes its S3 requests itself (LanceDB)."""
        assert self._credentials is not None, "a scope made without a session"
        return self._credentials

    @property
    def audit(self) -> Inbox:
        """The tenant's audit log: entries are handed in there, and what was sealed is read."""
        return Inbox(self.tenant, self.table, self.clients)

    def key(self, sk: str) -> Key:
        """A key in the tenant's own partition: META, PAIRING#telegram, CONFIG#good, …"""
        return Key(self.tenant, sk)

    def part(self, part: str, sk: str) -> Key:
        """A key in one of the tenant's further partitions: a chat, a day of the ledger, …"""
        return Key(f"{self.tenant}#{part}", sk)

    def object_key(self, path: str) -> str:
        """The S3 key of ``path`` under the tenant's prefix, e.g. ``config.yaml``."""
        return f"tenants/{self.tenant}/{path}"

    def parameter(self, name: str) -> str:
        """The SSM path of one of the tenant's secrets, e.g. ``telegram/token``."""
        return f"/{self._stack}/tenants/{self.tenant}/{name}"

    @property
    def schedule_group(self) -> str:
        """The one group in which all tenants' schedules lie."""
        return self._stack

    def schedule_name(self, job: str) -> str:
        """The name of one of the tenant's schedules."""
        return schedule_name(self.tenant, job)

    def deployment_arn(self, service: str, resource: str) -> str:
        """The ARN of a resource of this deployment that is named by convention: ``resource`` without the stack."""
        partition, account = role_parts(self._settings.tenant_role_arn)
        region = "" if service == "iam" else self._settings.region
        kind, _, name = resource.rpartition("/")
        return f"arn:{partition}:{service}:{region}:{account}:{kind + '/' if kind else ''}{self._stack}-{name}"


class ScopeFactory:
    """Opens scopes and keeps them until shortly before their credentials expire.

    Parameters
    ----------
    clients
        The caller's own: a function's role, or the operator.
    keep
        How many tenants' sessions one process holds; the longest unused goes first. Each holds a few connections,
        and a Lambda process may have 1,024 files open.
    """

    def __init__(self, settings: Settings, clients: Clients, keep: int = 64) -> None:
        self._settings = settings
        self._clients = clients
        self._keep = keep
        self._open: OrderedDict[TenantId, tuple[datetime, TenantScope]] = OrderedDict()
        self._lock = Lock()

    def open(self, tenant: str) -> TenantScope:
        """The scope of ``tenant``.

        Raises
        ------
        BadInput
            ``tenant`` is not a tenant id.
        """
        checked = tenant_id(tenant)
        now = datetime.now(UTC)
        with self._lock:
            held = self._open.get(checked)
            if held and held[0] > now:
                self._open.move_to_end(checked)
                return held[1]
        scope, expires_at = self._assume(checked)
        with self._lock:
            self._open[checked] = (expires_at - _RENEW_BEFORE, scope)
            self._open.move_to_end(checked)
            while len(self._open) > self._keep:
                self._open.popitem(last=False)
        return scope

    def _assume(self, tenant: TenantId) -> tuple[TenantScope, datetime]:
        answer = self._clients.sts.assume_role(
            RoleArn=self._settings.tenant_role_arn,
            RoleSessionName=f"tenant-{tenant}",
            Policy=session_policy(self._settings, tenant),
            DurationSeconds=SESSION_SECONDS,
        )
        given = answer["Credentials"]
        credentials = Credentials(
            given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"], given["Expiration"]
        )
        scope = TenantScope(tenant, self._settings, self._clients.with_credentials(credentials), credentials)
        return scope, given["Expiration"]
