"""All tenants' schedules and jobs brought together: by the night's round, and by ``cron sync``.

Which schedules there are is listed before which tenants there are, so whoever is made meanwhile is taken for nobody's.
Each tenant's jobs are read, and its schedules written, with that tenant's own session.
"""

from __future__ import annotations

import random
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from manyclaw.aws import Clients
from manyclaw.errors import ManyclawError
from manyclaw.schedules.sync import Drift, sync_tenant
from manyclaw.settings import Settings
from manyclaw.tenancy import ScopeFactory, Tenant

SIDE_BY_SIDE = 8
"""Tenants that are looked at at once."""


@dataclass(frozen=True)
class Reconciled:
    """What a round did.

    Attributes
    ----------
    tenants
        How many were looked at.
    unchecked
        Tenants for which no time was left; a round begins elsewhere each time, so the next one comes to them.
    drift
        Every difference that was found.
    failed
        Tenant and error of those that could not be looked at.
    """

    tenants: int
    unchecked: int
    drift: tuple[Drift, ...]
    failed: tuple[tuple[str, str], ...]


def reconcile(
    settings: Settings,
    clients: Clients,
    scopes: ScopeFactory,
    tenants: Callable[[], Iterable[Tenant]],
    *,
    repair: bool = True,
    seconds: float = float("inf"),
) -> Reconciled:
    """Compare every job of every tenant with its schedule, and remove what deleted tenants left over.

    Parameters
    ----------
    clients
        Those of somebody who may list the schedules of the deployment's group, and delete in it.
    tenants
        Gives the registry's tenants; asked after the schedules have been listed.
    seconds
        No further tenant is begun after this.
    """
    end = time.monotonic() + seconds
    scheduled = _scheduled(settings, clients)
    listed = list(tenants())
    gone = scheduled.keys() - {each.tenant for each in listed}
    drift = list(_remove_left_over(settings, clients, {name: scheduled[name] for name in gone}, repair))
    # A tenant that is being deleted is neither: its schedules go with it, and none is written any more.
    served = [each.tenant for each in listed if each.status != "deleting"]
    random.shuffle(served)
    failed: list[tuple[str, str]] = []

    def one(tenant: str) -> list[Drift] | None:
        if time.monotonic() > end:
            return None
        try:
            return list(sync_tenant(scopes.open(tenant), scheduled.get(tenant, set()), repair=repair))
        except Exception as error:  # one tenant's trouble must not keep the others' schedules wrong
            failed.append((tenant, str(error) if isinstance(error, ManyclawError) else f"{type(error).__name__}"))
            return []

    with ThreadPoolExecutor(SIDE_BY_SIDE, thread_name_prefix="sync") as pool:
        results = list(pool.map(one, served))
    drift += [each for result in results for each in result or ()]
    unchecked = sum(result is None for result in results)
    in_order = sorted(drift, key=lambda each: (each.tenant, each.job))
    return Reconciled(len(served) - unchecked, unchecked, tuple(in_order), tuple(sorted(failed)))


def schedules_of(settings: Settings, clients: Clients, tenant: str) -> set[str]:
    """The jobs for which one tenant has schedules, listed with the operator's rights."""
    return {job for _, job in _names(settings, clients, f"{tenant}.")}


def _scheduled(settings: Settings, clients: Clients) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for tenant, job in _names(settings, clients):
        found[tenant].add(job)
    return found


def _names(settings: Settings, clients: Clients, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Tenant and job of the deployment's schedules, a page of 100 at a time."""
    arguments = {"GroupName": settings.stack, "MaxResults": 100, **({"NamePrefix": prefix} if prefix else {})}
    while True:
        answer = clients.get("scheduler").list_schedules(**arguments)
        for found in answer["Schedules"]:
            tenant, _, job = str(found["Name"]).partition(".")
            yield tenant, job
        if not answer.get("NextToken"):
            return
        arguments["NextToken"] = answer["NextToken"]


def _remove_left_over(
    settings: Settings, clients: Clients, left_over: dict[str, set[str]], repair: bool
) -> Iterator[Drift]:
    from botocore.exceptions import ClientError

    from manyclaw.aws import error_code

    for tenant, jobs in left_over.items():
        for job in jobs:
            try:
                if repair:
                    clients.get("scheduler").delete_schedule(GroupName=settings.stack, Name=f"{tenant}.{job}")
            except ClientError as error:
                if error_code(error) != "ResourceNotFoundException":
                    raise
                continue
            yield Drift(tenant, job, "tenant gone", repair)
