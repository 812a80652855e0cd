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


def test_pairing_puts_the_dashboard_into_the_owners_menu_and_nobody_elses(world: World, cli: Cli) -> None:
    # Given a tenant whose owner and another person have talked to its bot
    ann = Person.new()
    acme = world.customer(f"owners: [{ann.id}, 1]\n")
    for person in (ann, Person.new("Bob")):
        world.ask(acme, person, "hello")
    pair = ("channels", "pair", "telegram", "--tenant", acme.id, "--token", acme.token, "--json")

    def given() -> list[tuple[str, str]]:
        """Whose chats got a button that leads where."""
        calls = [call for call in world.calls_to_telegram(acme, "setChatMenuButton") if call["status"] == 200]
        return [(str(call["params"]["chat_id"]), call["params"]["menu_button"]["web_app"]["url"]) for call in calls]

    # When it is paired without the button, and with it
    assert json.loads(cli(*pair, "--no-menu").stdout)["menu_owners"] == []
    assert given() == []
    told = json.loads(cli(*pair).stdout)
    # Then the owner's own chat has it and nobody else's, and what could not be done is told
    assert given() == [(str(ann.id), f"{world.stack['front_door']}/dashboard/app/{acme.id}")]
    assert told["menu_owners"] == [ann.id]
    assert "chat not found" in told["menu_notes"][0]
    # And a bot is paired also where the button cannot be set
    world.telegram("POST", "faults", {"method": "setChatMenuButton", "status": 500, "times": 9})
    assert "Later: manyclaw channels menu" in json.loads(cli(*pair).stdout)["menu_notes"][0]
