"""Rebuilding, forgetting, and tables of other days."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest

from manyclaw.aws import Clients, Credentials, pages
from manyclaw.memory import Job, forget, load_memory_row, save_fact, send_job, subject_of
from manyclaw.tenancy import remove_objects
from tests.integration.memories import index, memory_of, private, search, turn, wait_until_remembered
from tests.integration.test_cli import Cli, cli  # noqa: F401
from tests.integration.world import Customer, Person, World

pytestmark = pytest.mark.integration


def everything(world: World, of: Customer) -> bytes:
    """Every byte of every version of every file of the tenant, and all of its table items: with rights that no part of
    the product has."""
    admin = Clients(world.stack["region"], Credentials("test", "test"), world.stack["aws_endpoint"])
    where: dict[str, Any] = {"Bucket": of.scope.bucket, "Prefix": of.scope.object_key("")}
    answer = admin.s3.list_object_versions(**where)
    assert not answer["IsTruncated"]
    found = b""
    for version in answer.get("Versions", []):
        got = admin.s3.get_object(Bucket=where["Bucket"], Key=version["Key"], VersionId=version["VersionId"])
        found += version["Key"].encode() + got["Body"].read()
    items = pages(admin.dynamodb.scan, "Items", TableName=of.scope.table)
    own = [item for item in items if item["pk"]["S"].partition("#")[0] == of.id]
    assert own
    return found + json.dumps(own, ensure_ascii=False).encode()


def test_after_forgetting_a_user_no_byte_is_left(world: World, cli: Cli) -> None:  # noqa: F811
    # Given two users of a bot who said much, in many writes, with an optimization in between and saved facts
    acme, ann, bob = world.customer("allowed_tools: [memory_save]"), Person.new("Ann"), Person.new("Bob")
    scope, words = acme.scope, {ann: "Quetzalcoatl", bob: "Popocatepetl"}
    for person, word in words.items():
        for number in range(4):
            world.say(acme, person, f"{word} number {number}")
    for person, word in words.items():
        world.until("all answers", partial(world.has_answered, acme, person.id, 4))
        world.ask(acme, person, f'use tool memory_save {{"fact": "likes {word}"}}')
        wait_until_remembered(world, acme, private(person), 5)
        stage = world.operator.stage
        send_job(stage.clients, stage.settings, Job("optimize", scope.tenant, private(person)), "optimize")
        for number in range(0, 20, 5):
            said = [turn(person, each, f"{word} later {each}") for each in range(number, number + 5)]
            index(world, acme, private(person), *said)
    scope.clients.s3.put_object(Bucket=scope.bucket, Key=scope.object_key(f"media/{private(ann)}/1.jpg"), Body=b"Quet")
    scope.clients.s3.put_object(Bucket=scope.bucket, Key=scope.object_key(f"media/{private(ann)}/1.jpg"), Body=b"zal")
    before = everything(world, acme)
    assert b"Quetzalcoatl" in before
    # When one of them is forgotten
    command = ("memory", "forget", "--tenant", acme.id, "--user", str(ann.id), "--yes", "--json")
    would = json.loads(cli(*command, "--dry-run").stdout)
    report = json.loads(cli(*command).stdout)
    # Then it says what it removed
    assert {**would, "dry_run": False} == report
    assert (report["facts"], report["remembered_turns"], report["media_files"]) == (1, 25, 2)
    assert report["messages"] == 2 * 4 + 4
    assert report["memory_files"] > 10
    # And nothing is left of one, and all of the other
    after = everything(world, acme)
    assert b"Quet" not in after
    assert b"zal" not in after
    assert after.count(b"Popocatepetl") >= 30
    assert search(world, acme, private(ann), "Quetzalcoatl") == []
    assert len(search(world, acme, private(bob), "Popocatepetl")) == 10
    # And what was said before is neither answered nor remembered once more
    next_second()
    assert "Quetzalcoatl" not in world.ask(acme, ann, "what did I say?")
    wait_until_remembered(world, acme, private(ann), 1)
    assert [each.turn.said for each in search(world, acme, private(ann), "Quetzalcoatl")] == ["what did I say?"]


def next_second() -> None:
    """Telegram's times are whole seconds: what is said in the second of the forgetting is forgotten with it."""
    time.sleep(1 - time.time() % 1)


def test_an_end_user_is_forgotten_after_saying_so_twice(world: World) -> None:
    acme, ann = world.customer(), Person.new("Ann")
    world.ask(acme, ann, "Tenochtitlan was my birthplace")
    wait_until_remembered(world, acme, private(ann), 1)
    save_fact(acme.scope, private(ann), "born in Tenochtitlan", "2026-11-22")
    # When asked once, nothing is done yet
    assert "/forget yes" in world.ask(acme, ann, "/forget")
    assert b"Tenochtitlan" in everything(world, acme)
    # When confirmed
    assert "2 messages and 1 saved facts" in world.ask(acme, ann, "/forget yes")
    # Then all is gone, and no model was asked about it
    assert b"Tenochtitlan" not in everything(world, acme)
    assert len(world.model_calls(acme)) == 1
    world.ask(acme, ann, "where was I born?")
    assert memory_of(world, acme, "where was I born?") == ""


def test_in_a_group_nobody_can_forget_for_all(world: World) -> None:
    acme, ann = world.customer(), Person.new("Ann")
    group = -1_000_000_000_000 - ann.id
    world.say(acme, ann, f"@{acme.username} the treasure is at Chichen", chat=group, chat_type="supergroup")
    wait_until_remembered(world, acme, subject_of(group, private=False), 1)
    world.say(acme, ann, f"/forget@{acme.username} yes", chat=group, chat_type="supergroup")
    world.until("an answer", lambda: len(world.answers(acme, group)) == 2)
    assert "in private" in world.answers(acme, group)[1]
    assert b"Chichen" in everything(world, acme)


def test_a_turn_still_in_the_queue_is_not_remembered_after_forgetting(world: World) -> None:
    # Given a finished turn that memory has not taken yet
    acme, ann = world.customer(), Person.new("Ann")
    world.ask(acme, ann, "Xochimilco is my secret")
    wait_until_remembered(world, acme, private(ann), 1)
    late = turn(ann, 1, "Xochimilco is my secret")
    # When the user is forgotten, and the turn comes to memory only then
    forget(acme.scope, private(ann), datetime.now(UTC))
    stage = world.operator.stage
    send_job(stage.clients, stage.settings, Job("turn", acme.scope.tenant, private(ann), late), "late")
    next_second()
    world.ask(acme, ann, "hello again")
    wait_until_remembered(world, acme, private(ann), 1)
    # Then it is not indexed
    assert load_memory_row(acme.scope, private(ann)).turns == 1
    assert b"Xochimilco" not in everything(world, acme)


def test_rebuild_makes_the_same_memory_from_the_transcripts(world: World, cli: Cli) -> None:  # noqa: F811
    # Given turns that are remembered, and a memory that lost its files
    acme, ann = world.customer(), Person.new("Ann")
    for number in range(3):
        world.ask(acme, ann, f"parcel {number} went to Reykjavik")
    wait_until_remembered(world, acme, private(ann), 3)
    remove_objects(acme.scope, "memory/")
    # When it is rebuilt
    result = cli("memory", "rebuild", "--tenant", acme.id, "--json")
    assert json.loads(result.stdout)["rebuilt"] == [{"subject": private(ann), "turns": 3}]
    # Then everything is found again, with speaker and answer
    command = ("memory", "search", "parcel 1", "--tenant", acme.id, "--user", str(ann.id), "--json")
    found = json.loads(cli(*command).stdout)
    assert found[0]["turn"]["speaker"] == "Ann"
    assert found[0]["turn"]["said"] == "parcel 1 went to Reykjavik"
    assert "parcel 1" in found[0]["turn"]["answered"]
