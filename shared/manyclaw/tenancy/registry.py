"""The registry: which tenants there are, and whether they are served.

A tenant stands in two places: the operator's row (``GATEWAY``, ``TENANT#{id}``), which lists it, and its own ``META``,
which the agent reads before each turn and which alone decides whether the bot answers. The two lie under different
rights and cannot change in one transaction, so each change has an order in which stopping halfway is harmless:

* create: the operator's row, the overlay, then META. Until META is there the bot answers nobody; create again.
* suspend: META first (it holds at once), then the operator's row. resume: the operator's row, then META. Stopped
  halfway, the tenant is suspended in both cases; do it again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from manyclaw.audit import entry, record
from manyclaw.aws import TransactionRefused, from_item, to_item, transact
from manyclaw.clock import utc_now as utc_now
from manyclaw.errors import Conflict, NotFound
from manyclaw.tenancy.gateway_table import GatewayTable, set_status
from manyclaw.tenancy.ids import TenantId, tenant_id
from manyclaw.tenancy.scope import ScopeFactory, TenantScope

ACTIVE = "active"
SUSPENDED = "suspended"
DELETING = "deleting"

META = "META"
_TENANT = "TENANT#"
_BILLING = "BILLING#"


@dataclass(frozen=True)
class Tenant:
    """A row of the registry. Times are ISO 8601, UTC; ``status`` is active, suspended or deleting."""

    tenant: TenantId
    status: str
    created_at: str
    updated_at: str
    display_name: str = ""


@dataclass(frozen=True)
class TenantPage:
    """Some tenants in the order of their ids; ``cursor`` asks for those after them and is empty at the end."""

    tenants: list[Tenant]
    cursor: str


def serving_status(scope: TenantScope) -> str | None:
    """The tenant's own status, read consistently: None when it was never made, or is gone."""
    answer = scope.clients.dynamodb.get_item(TableName=scope.table, Key=scope.key(META).wire(), ConsistentRead=True)
    return str(from_item(dict(answer["Item"]))["status"]) if "Item" in answer else None


class Registry:
    """The use cases on tenants, for one who holds the operator's rights."""

    def __init__(self, table: GatewayTable, scopes: ScopeFactory) -> None:
        self.table = table
        self.scopes = scopes

    def create(
        self, tenant: str, display_name: str = "", *, prepare: Callable[[TenantScope], object] | None = None
    ) -> Tenant:
        """Make a tenant, or finish one whose making was interrupted.

        Parameters
        ----------
        prepare
            Runs before the tenant goes live, e.g. to put its overlay there. When it raises, nothing answers yet.

        Raises
        ------
        BadInput
            ``tenant`` is not a tenant id.
        Conflict
            There is such a tenant, or it is being deleted.
        """
        checked = tenant_id(tenant)
        now = utc_now()
        row = Tenant(checked, ACTIVE, now, now, display_name)
        scope = self.scopes.open(checked)
        if not self.table.put(_TENANT + checked, asdict(row), unless="sk"):
            self._must_be_unfinished(checked, scope)
        if prepare:
            prepare(scope)
        made = self.get(checked)
        limits = (self.table.get(_BILLING + checked) or {}).get("limits")
        item = {"pk": scope.key(META).pk, "sk": META, "status": ACTIVE, "created_at": now, "updated_at": now}
        item |= {"limits": limits} if limits else {}
        condition = {"ConditionExpression": "attribute_not_exists(sk)"}
        put = {"Put": {"TableName": scope.table, "Item": to_item(item), **condition}}
        with suppress(TransactionRefused):  # somebody else has finished it
            transact(scope.clients.dynamodb, [put, entry(scope.audit, "tenant.create", on=f"tenant:{checked}")])
        return made

    def _must_be_unfinished(self, tenant: TenantId, scope: TenantScope) -> None:
        if self.get(tenant).status == DELETING:
            raise _being_deleted(tenant)
        if serving_status(scope) is not None:
            raise Conflict(f"There is a tenant {tenant} already.", hint=f"See `manyclaw tenants show {tenant}`.")

    def get(self, tenant: str) -> Tenant:
        """One tenant. Raises ``BadInput`` for what is no id, ``NotFound`` when there is none."""
        checked = tenant_id(tenant)
        row = self.table.get(_TENANT + checked)
        if row is None:
            raise NotFound(f"There is no tenant {checked}.", hint="`manyclaw tenants list` shows those there are.")
        return _tenant(row)

    def page(self, limit: int = 100, cursor: str = "") -> TenantPage:
        """Up to ``limit`` tenants after ``cursor``. Raises ``BadInput`` for a cursor that is no tenant id."""
        rows, following = self.table.page(_TENANT, limit, tenant_id(cursor) if cursor else "")
        return TenantPage([_tenant(row) for row in rows], following)

    def all(self) -> Iterator[Tenant]:
        """Every tenant in the order of their ids, a page at a time."""
        page = self.page()
        yield from page.tenants
        while page.cursor:
            page = self.page(cursor=page.cursor)
            yield from page.tenants

    def suspend(self, tenant: str) -> Tenant:
        """Stop serving a tenant. It holds from the next turn on; whoever writes meanwhile is told so.

        Raises
        ------
        NotFound, Conflict
            There is no such tenant; its making was never finished; it is being deleted.
        """
        held_row = self._changeable(tenant)
        self._set_own_status(held_row.tenant, SUSPENDED, "tenant.suspend")
        self._set_listed_status(held_row.tenant, SUSPENDED)
        return self.get(held_row.tenant)

    def resume(self, tenant: str) -> Tenant:
        """Serve a suspended tenant again. Raises as :meth:`suspend` does."""
        held_row = self._changeable(tenant)
        self._set_listed_status(held_row.tenant, ACTIVE)
        self._set_own_status(held_row.tenant, ACTIVE, "tenant.resume")
        return self.get(held_row.tenant)

    def mark_deleting(self, tenant: TenantId) -> None:
        """The first step of a deletion: nothing is served from here on and nothing brings the tenant back."""
        scope = self.scopes.open(tenant)
        now = utc_now()
        told = entry(scope.audit, "tenant.delete", on=f"tenant:{tenant}", outcome="begun")
        if not set_status(
            scope.clients, scope.table, scope.key(META).wire(), DELETING, now, even_deleting=True, also=[told]
        ):
            record(scope.audit, "tenant.delete", on=f"tenant:{tenant}", outcome="begun")
        self.table.set_status(_TENANT + tenant, DELETING, now, even_deleting=True)

    def forget(self, tenant: TenantId, removed: Mapping[str, int]) -> None:
        """The last step of a deletion: the registry's row. The billing row stays, so the last invoice is written.

        ``removed`` are counts for the audit log, which stays too.
        """
        told = entry(self.table.audit(tenant), "tenant.delete", on=f"tenant:{tenant}", more=removed)
        self.table.merge(_BILLING + tenant, {"tenant": tenant, "deleted_at": utc_now()}, also=[told])
        self.table.delete(_TENANT + tenant)

    def _changeable(self, tenant: str) -> Tenant:
        found = self.get(tenant)
        if found.status == DELETING:
            raise _being_deleted(found.tenant)
        return found

    def _set_own_status(self, tenant: TenantId, status: str, action: str) -> None:
        scope = self.scopes.open(tenant)
        told = entry(scope.audit, action, on=f"tenant:{tenant}")
        if set_status(scope.clients, scope.table, scope.key(META).wire(), status, utc_now(), also=[told]):
            return
        if serving_status(scope) == DELETING:
            raise _being_deleted(tenant)
        raise Conflict(
            f"The making of tenant {tenant} was interrupted.",
            hint=f"Finish it with `manyclaw tenants create {tenant}`.",
        )

    def _set_listed_status(self, tenant: TenantId, status: str) -> None:
        if not self.table.set_status(_TENANT + tenant, status, utc_now()):
            raise _being_deleted(tenant)


def _being_deleted(tenant: str) -> Conflict:
    return Conflict(f"Tenant {tenant} is being deleted.", hint=f"Finish it with `manyclaw tenants delete {tenant}`.")


def _tenant(row: dict[str, Any]) -> Tenant:
    return Tenant(
        TenantId(row["tenant"]), row["status"], row["created_at"], row["updated_at"], row.get("display_name", "")
    )
