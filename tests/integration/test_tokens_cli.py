"""The operator's commands about API tokens and the dashboard's menu button, as a person types them."""

from __future__ import annotations

import json

import pytest

from tests.integration.test_cli import Cli, _name, cli
from tests.integration.world import Person, World

__all__ = ["cli"]

pytestmark = pytest.mark.integration


def test_tokens_are_made_listed_rotated_and_revoked(world: World, cli: Cli) -> None:
    # Given a tenant with a token, which is printed alone on standard output
    name = _name()
    cli("tenants", "create", name)
    secret = cli("tokens", "create", "--tenant", name, "--name", "theirs", "--days", "30").stdout.strip()
    assert secret.startswith(f"tk_{name}_")
    url = f"{world.stack['front_door']}/v1/tenants/{name}"

    def status(token: str) -> int:
        return int(world.request("GET", url, headers={"Authorization": f"Bearer {token}"}).status)

    assert status(secret) == 200
    # When it is rotated without grace, the new one works and the old one does not
    (listed,) = json.loads(cli("tokens", "list", "--tenant", name, "--json").stdout)["tokens"]
    assert (listed["name"], listed["scopes"]) == ("theirs", ["usage:read"])
    assert listed["last_used"]
    assert secret not in json.dumps(listed)
    new = cli("tokens", "rotate", listed["id"], "--tenant", name, "--grace-hours", "0").stdout.strip()
    assert (status(new), status(secret)) == (200, 401)
    # and what makes no sense is refused
    cli("tokens", "revoke", listed["id"], "--tenant", name, exit_code=3)
    cli("tokens", "create", exit_code=2)
    cli("tokens", "create", "--tenant", name, "--scope", "everything", exit_code=2)
    cli("tokens", "create", "--tenant", "nobody-here", exit_code=3)
    # and a deleted tenant's tokens are gone
    cli("tenants", "delete", name, "--yes")
    assert status(new) == 401


def test_owners_get_the_dashboard_into_their_menu(world: World, cli: Cli) -> None:
    ann = Person.new()
    paired = world.customer(f"owners: [{ann.id}, 1]\n")
    world.ask(paired, ann, "hello")
    told = json.loads(cli("channels", "menu", "--tenant", paired.id, "--json").stdout)
    assert told["address"] == f"{world.stack['front_door']}/dashboard/app/{paired.id}"
    assert len(told["notes"]) == 1
    assert "chat not found" in told["notes"][0]
    cli("channels", "menu", "--tenant", world.customer().id, exit_code=3)
