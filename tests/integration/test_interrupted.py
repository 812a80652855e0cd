"""Use cases that die before any of their AWS calls, and are then repeated, end as if nothing had happened."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from cli.context import Operator
from cli.stage import local_stage
from manyclaw.telegram import channel_status, load_pairing, pair, unpair
from manyclaw.tenancy import erase, save_overlay, serving_status
from tests.integration.world import World

pytestmark = pytest.mark.integration


class _Died(BaseException):
    """The process ended here."""


@contextmanager
def _dying_at(number: int, *clients: Any) -> Iterator[list[str]]:
    """Let the ``number``-th AWS call (from 1) of ``clients`` end the work before it is sent; gives the calls made."""
    made: list[str] = []

    def count(model: Any, **_: Any) -> None:
        made.append(model.name)
        if len(made) == number:
            raise _Died(model.name)

    services = [each.get(name) for each in clients for name in ("dynamodb", "s3", "ssm")]
    for service in services:
        service.meta.events.register("before-call", count)
    try:
        yield made
    finally:
        for service in services:
            service.meta.events.unregister("before-call", count)


def _every_death(operator: Operator, tenant: str, work: Callable[[], object]) -> int:
    """Run ``work`` with a death before each of its calls in turn, until it lives; gives how many calls it has."""
    scope = operator.scopes.open(tenant)
    for number in range(1, 200):
        with suppress(_Died), _dying_at(number, operator.stage.clients, scope.clients) as made:
            work()
            return len(made)
    raise AssertionError("it never ended")


@pytest.fixture
def operator(world: World) -> Operator:
    return Operator(local_stage(world.stack))


def test_create_pair_unpair_and_delete_survive_a_death_before_every_call(world: World, operator: Operator) -> None:
    name = f"d-{secrets.token_hex(5)}"
    token = world.telegram("POST", "bots", {"username": f"{name.replace('-', '_')}_bot", "name": name})["token"]
    stage, registry = operator.stage, operator.registry
    scope, default = operator.scopes.open(name), stage.telegram_api_urls[0]
    overlay = "model: claude-haiku-4-5\n"
    assert operator.gateway

    def create() -> None:
        registry.create(name, prepare=lambda made: save_overlay(made, overlay, operator.gateway, operator.tools))

    def connect() -> None:
        pair(scope, operator.table, token, api_urls=[default], webhook_base=stage.public_url)

    def disconnect() -> None:
        unpair(scope, operator.table, default)

    def delete() -> None:
        erase(registry, name, disconnect=lambda made: unpair(made, operator.table, default))

    assert _every_death(operator, name, create) >= 4
    assert (registry.get(name).status, serving_status(scope)) == ("active", "active")
    assert _every_death(operator, name, connect) >= 6
    assert channel_status(scope, operator.table, default).problems == []
    assert _every_death(operator, name, disconnect) >= 5
    assert (load_pairing(scope), channel_status(scope, operator.table, default).state) == (None, "unpaired")
    connect()
    assert _every_death(operator, name, delete) >= 10
    assert serving_status(scope) is None
    rows = [row for prefix in ("TENANT#", "WEBHOOK#", "BOT#") for row in operator.table.all(prefix)]
    assert [row for row in rows if name in str(row)] == []


def test_suspending_never_serves_by_accident(world: World, operator: Operator) -> None:
    acme = world.customer()
    scope = operator.scopes.open(acme.id)
    for work, status in ((operator.registry.suspend, "suspended"), (operator.registry.resume, "active")):
        _every_death(operator, acme.id, lambda work=work: work(acme.id))  # type: ignore[misc]
        assert (operator.registry.get(acme.id).status, serving_status(scope)) == (status, status)
