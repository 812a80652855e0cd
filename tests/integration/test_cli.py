"""The operator's command against a running stack, as a person types it."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from manyclaw.aws import to_item
from manyclaw.tenancy import TELEGRAM_TOKEN, get_secret
from tests.integration.world import Person, World

pytestmark = pytest.mark.integration

type Cli = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def cli(stack: dict[str, Any], tmp_path: Path) -> Cli:
    (tmp_path / "stack.json").write_text(json.dumps(stack))
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MANYCLAW_")}

    def run(*arguments: str, given: str = "", exit_code: int = 0, **environment: str) -> Any:
        done = subprocess.run(
            [sys.executable, "-m", "cli.main", *arguments],
            input=given,
            capture_output=True,
            text=True,
            timeout=60,
            env={**kept, "MANYCLAW_STATE": str(tmp_path), **environment},
        )
        assert done.returncode == exit_code, done.stderr
        assert "Traceback" not in done.stderr
        return done

    return run


def _name() -> str:
    return f"c-{secrets.token_hex(5)}"


def _bot(world: World, name: str) -> str:
    token: str = world.telegram("POST", "bots", {"username": f"{name.replace('-', '_')}_bot", "name": name})["token"]
    return token


def test_a_tenants_life(world: World, cli: Cli, tmp_path: Path) -> None:
    # Given a tenant with a configuration, paired through standard input
    name = _name()
    (config := tmp_path / "overlay.yaml").write_text("model: claude-haiku-4-5\nsystem_prompt: You are Ada.\n")
    cli("tenants", "create", name, "--name", "A customer", "--config", str(config))
    token = _bot(world, name)
    paired = cli("channels", "pair", "telegram", "--tenant", name, "--token", "-", "--json", given=f"{token}\n")
    assert token not in paired.stdout + paired.stderr
    assert json.loads(paired.stdout)["delivery"] == "webhook"
    # When a person writes, the bot answers and the use is shown
    person = Person.new()
    bot = json.loads(paired.stdout)["username"]
    world.telegram("POST", f"chats/{person.id}/messages", {"bot": bot, "text": "hi", "from": person.as_sender()})
    world.until("an answer", lambda: len(_messages(world, bot, person)) > 1)
    usage = json.loads(cli("usage", "show", name, "--json").stdout)
    assert [day["model"] for day in usage["days"]] == ["claude-haiku-4-5"]
    assert usage["cost_usd"] == usage["days"][0]["cost_usd"] != "0"
    # And every view of it agrees
    (status,) = json.loads(cli("channels", "status", "-t", name, "--json").stdout)
    assert (status["state"], status["problems"]) == ("ok", [])
    shown = json.loads(cli("--json", "tenants", "show", name).stdout)
    assert (shown["status"], shown["config"], shown["bot"]) == ("active", "in force", f"@{bot}")
    # When it is deleted, nothing but the bill is left
    deleted = json.loads(cli("tenants", "delete", name, "--yes", "--json").stdout)
    assert deleted["conversations"] == 1
    assert deleted["kept_usage_rows"] == 1
    assert deleted["secrets"] == ["telegram/token", "telegram/webhook-secret"]
    cli("tenants", "show", name, exit_code=3)
    assert _webhook(world, bot) == ""
    assert json.loads(cli("usage", "show", name, "--json").stdout)["cost_usd"] == usage["cost_usd"]


def _messages(world: World, bot: str, person: Person) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = world.telegram("GET", f"chats/{person.id}/messages?bot={bot}")["messages"]
    return found


def _webhook(world: World, bot: str) -> str:
    return next(str(each["webhook"]) for each in world.telegram("GET", "bots")["bots"] if each["username"] == bot)


def test_the_list_is_paged_and_complete(world: World, cli: Cli) -> None:
    names = sorted(world.customer().id for _ in range(3))
    seen: list[str] = []
    cursor = names[0][:-1] if names[0][-1] != "-" else names[0]
    while True:
        page = json.loads(cli("tenants", "list", "--limit", "2", "--cursor", cursor, "--json").stdout)
        seen += [each["tenant"] for each in page["tenants"]]
        assert len(page["tenants"]) <= 2
        cursor = page["cursor"]
        if not cursor:
            break
    assert seen == sorted(set(seen))
    assert set(names) <= set(seen)


def test_errors_have_a_class_and_a_hint(world: World, cli: Cli) -> None:
    acme, globex = world.customer(), world.customer()
    assert "is not a tenant id" in cli("tenants", "create", "Not/An/Id", exit_code=2).stderr
    assert "already" in cli("tenants", "create", acme.id, exit_code=4).stderr
    assert "--yes" in cli("tenants", "delete", acme.id, exit_code=2).stderr
    taken = cli("channels", "pair", "telegram", "-t", acme.id, "--token", globex.token, exit_code=4).stderr
    assert "another tenant" in taken
    assert globex.token not in taken
    assert globex.id not in taken
    assert "not a bot token" in cli("channels", "pair", "telegram", "-t", acme.id, "--token", "x", exit_code=2).stderr


def test_a_suspended_tenants_bot_calls_no_model_until_it_is_resumed(world: World, cli: Cli) -> None:
    acme, ann = world.customer(), Person.new()
    world.ask(acme, ann, "hello")
    cli("tenants", "suspend", acme.id)
    world.ask(acme, ann, "anyone?")
    assert len(world.model_calls(acme)) == 1
    cli("tenants", "resume", acme.id)
    world.ask(acme, ann, "and now?")
    assert len(world.model_calls(acme)) == 2


def test_a_configuration_is_checked_edited_and_kept_when_refused(world: World, cli: Cli) -> None:
    acme = world.customer()
    before = cli("tenants", "config", "get", acme.id).stdout
    cli("tenants", "config", "edit", acme.id, EDITOR="sed -i s/assistant/servant/")
    assert cli("tenants", "config", "get", acme.id).stdout == before.replace("assistant", "servant")
    refused = cli("tenants", "config", "edit", acme.id, exit_code=2, EDITOR="sed -i s/^model:.*/modle:/").stderr
    kept = Path(refused.split("kept in ")[1].strip().removesuffix("."))
    assert "modle" in kept.read_text()
    kept.unlink()
    assert "line 2" in cli("tenants", "config", "set", acme.id, "-", given="language: en\nx: 1\n", exit_code=2).stderr
    unchanged = cli("tenants", "config", "set", acme.id, "-", "--json", given=before.replace("assistant", "servant"))
    assert json.loads(unchanged.stdout)["changed"] is False


def test_a_dry_run_deletes_nothing_and_an_interrupted_deletion_is_finished(world: World, cli: Cli) -> None:
    # Given a tenant with a talk, and a hundred and fifty further rows of it
    acme, ann = world.customer(), Person.new()
    world.ask(acme, ann, "hello")
    table = acme.scope.clients.dynamodb
    for number in range(150):
        key = acme.scope.part("CHAT#old", f"MSG#{number:03d}")
        table.put_item(TableName=acme.scope.table, Item=to_item({"pk": key.pk, "sk": key.sk}))
    index = acme.scope.key("CHAT#old")
    table.put_item(TableName=acme.scope.table, Item=to_item({"pk": index.pk, "sk": index.sk}))
    # When it is only asked what would go, everything stays
    would = json.loads(cli("tenants", "delete", acme.id, "--dry-run", "--json").stdout)
    assert would["conversations"] == 2
    assert get_secret(acme.scope, TELEGRAM_TOKEN) == acme.token
    assert world.ask(acme, ann, "still there?")
    # When a deletion died after its first step, nothing brings the tenant back, and repeating it finishes it
    world.operator.registry.mark_deleting(acme.scope.tenant)
    cli("tenants", "resume", acme.id, exit_code=4)
    cli("tenants", "create", acme.id, exit_code=4)
    done = json.loads(cli("tenants", "delete", acme.id, "--yes", "--json").stdout)
    assert done["conversation_rows"] >= would["conversation_rows"] >= 151
    cli("tenants", "delete", acme.id, "--yes", exit_code=3)


def test_info_says_that_the_stack_is_well(cli: Cli, stack: dict[str, Any]) -> None:
    info = json.loads(cli("info", "--json").stdout)
    assert info["health"] == "ok"
    assert info["outputs"] == stack["outputs"]
    assert stack["operator"]["secret_access_key"] not in json.dumps(info)


def test_limits_prices_and_reports(world: World, cli: Cli) -> None:
    # Given a tenant that has used something
    acme, person = world.customer(), Person.new()
    world.ask(acme, person, "hello")
    world.check_books(acme)
    # When limits are set in parts, what was said before stays, and the morning counts
    cli("tenants", "quota", "update", acme.id, "--tokens-per-day", "1_000_000", "--per-user-requests-per-minute", "5")
    changed = json.loads(cli("tenants", "quota", "update", acme.id, "--cost-per-day-usd", "2.5", "--json").stdout)
    assert changed["limits"] == {"tokens_per_day": 10**6, "cost_per_day_usd": "2.5", "requests_per_minute": None}
    assert (changed["limits_per_user"]["requests_per_minute"], changed["warn_at"]) == (5, [80, 100])
    shown = json.loads(cli("tenants", "quota", "show", acme.id, "--json").stdout)["quota"]
    by_name = {each["name"]: each for each in shown}
    assert by_name["cost_per_day_usd"]["limit"] == "2.5"
    assert by_name["tokens_per_day"]["used"] == world.usage(acme)[0].tokens.total
    assert "1,000,000" in cli("tenants", "quota", "show", acme.id).stdout
    cli("tenants", "quota", "update", acme.id, "--tokens-per-day", "many", exit_code=2)
    # Then the reports agree with each other, and the verification with all
    only = ("--tenant", acme.id)
    csv = cli("billing", "report", *only, "--format", "csv").stdout.splitlines()
    assert csv[0].startswith("date,tenant,model,requests,")
    assert f",{acme.id},claude-haiku-4-5,1," in csv[1]
    cli("billing", "markup", acme.id, "50")
    (month,) = json.loads(cli("billing", "rollup", *only, "--json").stdout)
    assert Decimal(month["charge_usd"]) == Decimal(month["cost_usd"]) * Decimal("1.5")
    (summed,) = json.loads(cli("billing", "summary", *only, "--json").stdout)["tenants"]
    assert summed["cost_usd"] == month["cost_usd"]
    verified = json.loads(cli("billing", "verify", *only, "--json").stdout)
    assert (verified["differences"], verified["open_calls"], verified["rows"]) == ([], [], 1)
    # And a counter that was tampered with is found
    acme.scope.clients.dynamodb.update_item(
        TableName=acme.scope.table,
        Key=acme.scope.part("USAGE", f"TOTAL#{csv[1][:10]}").wire(),
        UpdateExpression="ADD requests :one",
        ExpressionAttributeValues=to_item({":one": 1}),
    )
    assert "2 requests" in cli("billing", "verify", *only, exit_code=1).stdout


def test_the_rate_card(world: World, cli: Cli) -> None:
    shown = json.loads(cli("rates", "show", "--json").stdout)
    haiku = {row["prompts"]: row["output"] for row in shown if row["model"] == "claude-haiku-5-5"}
    assert haiku == {"others": "0.5", "prompts above 100,000 tokens": "2.5"}
    name = f"claude-{secrets.token_hex(4)}"
    prices = [
        "--input",
        "3",
        "--output",
        "15",
        "--cache-read",
        "0.3",
        "--cache-write-5m",
        "3.75",
        "--cache-write-1h",
        "6",
    ]
    cli("rates", "set", name, *prices)
    shown = json.loads(cli("rates", "show", "--json").stdout)
    assert [row["cache_write_5m"] for row in shown if row["model"] == name] == ["3.75"]
    assert "has a price" in cli("rates", "set", name, *prices, exit_code=2).stderr
    assert "had a price" in cli("rates", "set", "claude-haiku-4-5", *prices, "--from", "2026-01-02", exit_code=2).stderr


def test_a_jobs_life(world: World, cli: Cli) -> None:
    acme = world.customer()
    made = cli("cron", "add", acme.id, "menu", "--when", "cron(0 9 ? * MON-FRI *)", "--prompt", "x", "--json")
    assert json.loads(made.stdout)["when"] == "cron(0 9 ? * MON-FRI *)"
    cli("cron", "add", acme.id, "menu", "--when", "rate(1 day)", "--prompt", "x", exit_code=4)
    cli("cron", "add", acme.id, "late", "--when", "at(2020-01-01T09:00)", "--prompt", "x", exit_code=2)
    cli("cron", "edit", acme.id, "menu", "--zone", "Asia/Tokyo", "--budget-day", "0.50")
    preview = json.loads(cli("cron", "preview", acme.id, "menu", "--count", "3", "--json").stdout)
    assert [time[11:] for time in preview["times"]] == ["09:00:00+09:00"] * 3
    cli("cron", "disable", acme.id, "menu")
    cli("cron", "enable", acme.id, "menu")
    cli("cron", "run", acme.id, "menu")

    def reasons() -> list[str]:
        return [each["reason"] for each in json.loads(cli("cron", "runs", acme.id, "menu", "--json").stdout)["runs"]]

    world.until("the ledger's line", lambda: reasons() == ["there is no chat that wants it"])
    assert json.loads(cli("cron", "sync", "-t", acme.id, "--json").stdout)["drift"] == []
    cli("cron", "remove", acme.id, "menu", "--yes")
    cli("cron", "show", acme.id, "menu", exit_code=3)
    listed = json.loads(cli("cron", "list", acme.id, "--json").stdout)["jobs"]
    assert [each["job"] for each in listed] == ["daily-brief", "friday-digest", "memory-tidy"]
