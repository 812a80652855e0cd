"""The audit log on the running stack: complete, unbroken under concurrency, silent about texts, and tamper-evident."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from manyclaw.audit import (
    OPERATOR,
    Inbox,
    Locked,
    Verdict,
    canonical,
    chain_pk,
    digest,
    entry,
    entry_sk,
    read_head,
    read_texts,
    record,
    verify,
)
from manyclaw.aws import Clients, Credentials, TransactionRefused, to_item, transact
from manyclaw.billing import Allowance, Limits, set_limits
from manyclaw.errors import BadInput
from manyclaw.schedules import JobBook
from manyclaw.skills import forget_secrets
from manyclaw.telegram import unpair
from manyclaw.tenancy import InvalidDocument, erase, save_overlay
from tests.integration.test_api import Api
from tests.integration.test_cli import Cli, cli
from tests.integration.test_crashes import HELD
from tests.integration.world import Customer, Person, World

pytestmark = pytest.mark.integration

__all__ = ["cli"]


def _root(world: World) -> Clients:
    """Who may do anything: the account's root."""
    return Clients(world.stack["region"], Credentials("test", "test"), world.stack["aws_endpoint"])


def _invoke(world: World, sealer: Any, event: str) -> Any:
    """One more sealer, in a process of its own."""
    answer = sealer.invoke(FunctionName=world.stack["outputs"]["AuditFunctionName"], Payload=event)
    return json.loads(answer["Payload"].read())


def _shipped(world: World, log: Inbox) -> int:
    """Wait until all that was handed in is in the bucket; gives the number of the last entry."""

    def done() -> int:
        rows = log.clients.dynamodb.query(
            TableName=log.table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues=to_item({":pk": log.pk}),
            ConsistentRead=True,
        )
        head = read_head(log)  # after the inbox: what was in it then is in the chain now
        return head.seq if head.seq == head.shipped and not rows["Items"] else 0

    return int(world.until("the log to be shipped", done))


def _entries(log: Inbox) -> list[dict[str, Any]]:
    return [json.loads(text) for _, text in read_texts(log)]


def _verify(world: World, owner: str) -> Verdict:
    log = world.operator.scopes.open(owner).audit if owner != OPERATOR else world.operator.table.audit()
    stage = world.operator.stage
    return verify(log, Locked(stage.clients, stage.settings.audit_bucket, owner))


def _bytes(world: World, owner: str) -> bytes:
    """Every byte that is kept of a log: rows, objects, and what is said of these."""
    s3, bucket = _root(world).s3, world.operator.stage.settings.audit_bucket
    found = s3.list_objects_v2(Bucket=bucket, Prefix=f"logs/{owner}/").get("Contents", [])
    objects = [s3.get_object(Bucket=bucket, Key=each["Key"]) for each in found]
    rows = _root(world).dynamodb.query(
        TableName=world.operator.stage.settings.table,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues=to_item({":pk": chain_pk(owner)}),
    )["Items"]
    assert objects
    assert rows
    return json.dumps(rows).encode() + b"".join(json.dumps(o["Metadata"]).encode() + o["Body"].read() for o in objects)


def _lived(world: World) -> tuple[Customer, dict[str, str]]:
    """A tenant to which everything was done, and the words and secrets that were used."""
    words = {name: f"{name}-{secrets.token_hex(6)}" for name in ("prompt", "job", "said", "reminder", "broken")}
    acme = world.customer("allowed_tools: [current_time, reminder_set]\n", marker=words["prompt"])
    ann, operator = Person.new(f"Ann-{words['said']}"), world.operator
    secret, token = operator.tokens.create(acme.id, ["usage:read", "audit:read"], words["said"])
    words["operator"], _ = operator.tokens.create(None, [], words["said"])
    words |= {"token": secret, "bot": acme.token, "person": ann.name}
    set_limits(operator.table, acme.scope, Limits(tenant=Allowance(tokens_per_day=10_000_000)))
    with pytest.raises(InvalidDocument):
        save_overlay(acme.scope, f"{words['broken']}: 1", operator.gateway, operator.tools)
    book = JobBook(acme.scope)
    book.add("menu", {"when": "rate(30 days)", "prompt": words["job"]})
    book.disable("menu")
    book.remove("menu")
    world.ask(acme, ann, f"{words['said']} what time is it in Asia/Tokyo")
    wish = {"text": words["reminder"], "in_minutes": 5000}
    world.ask(acme, ann, f"use tool reminder_set {json.dumps(wish)}")
    world.ask(acme, ann, "/digest on")
    world.ask(acme, ann, "/forget yes")
    Api(world, f"tk_{acme.id}_" + "0" * 32)(f"/v1/tenants/{acme.id}")
    assert Api(world, secret)(f"/v1/tenants/{acme.id}/usage.csv").status == 200
    operator.registry.suspend(acme.id)
    operator.registry.resume(acme.id)
    operator.tokens.revoke(acme.id, operator.tokens.rotate(acme.id, token.id, grace=60)[1].id)
    return acme, words


@pytest.fixture(scope="module")
def lived(shared_world: World) -> tuple[Customer, dict[str, str]]:
    acme, words = _lived(shared_world)
    for log in (acme.scope.audit, shared_world.operator.table.audit()):
        _shipped(shared_world, log)
    return acme, words


EXPECTED = {
    ("tenant.create", "ok"), ("config.change", "begun"), ("config.change", "ok"), ("config.refused", "refused"),
    ("config.in_force", "ok"), ("pairing.pair", "begun"), ("pairing.pair", "ok"), ("token.create", "ok"),
    ("token.rotate", "ok"), ("token.revoke", "ok"), ("token.refused", "refused"), ("quota.change", "ok"),
    ("schedule.change", "ok"), ("schedule.remove", "ok"), ("schedule.subscribe", "ok"), ("tool.call", "ok"),
    ("reminder.set", "ok"), ("memory.forget", "begun"), ("memory.forget", "ok"), ("export.usage", "ok"),
    ("tenant.suspend", "ok"), ("tenant.resume", "ok"),
}  # fmt: skip


def test_all_that_was_done_is_there_with_who_and_from_where(
    world: World, lived: tuple[Customer, dict[str, str]]
) -> None:
    acme, _ = lived
    found = _entries(acme.scope.audit)
    assert {(each["action"], each["outcome"]) for each in found} >= EXPECTED
    assert [each["seq"] for each in found] == list(range(1, len(found) + 1))
    tool = next(each for each in found if each["on"] == "tool:current_time")
    assert (tool["actor"], tool["via"]) == ("user", "telegram")
    exported = next(each for each in found if each["action"] == "export.usage")
    assert exported["actor"] == "owner"
    assert exported["actor_id"].startswith("token:")
    assert (exported["via"], exported["ip"]) == ("api", "127.0.0.1")
    refused = next(each for each in found if each["action"] == "token.refused")
    assert (refused["actor"], refused["ip"]) == ("unknown", "127.0.0.1")
    verdict = _verify(world, acme.id)
    assert verdict.intact, verdict.findings
    assert verdict.locked == len(found)
    # And its own token reads it in pages, newest first
    own = Api(world, world.operator.tokens.create(acme.id, ["audit:read"])[0])
    first = own.json(f"/v1/tenants/{acme.id}/audit?limit=5")
    second = own.json(f"/v1/tenants/{acme.id}/audit?limit=5&cursor={first['next_cursor']}")
    numbers = [each["seq"] for each in first["entries"] + second["entries"]]
    assert numbers == list(range(numbers[0], numbers[0] - 10, -1))
    only = own.json(f"/v1/tenants/{acme.id}/audit?action=tenant.&limit=500")["entries"]
    assert [each["action"] for each in only] == ["tenant.resume", "tenant.suspend", "tenant.create"]
    wrong = world.operator.tokens.create(acme.id, ["usage:read"])[0]
    assert Api(world, wrong)(f"/v1/tenants/{acme.id}/audit").status == 403
    assert own("/v1/operator/audit").status == 403


def test_no_text_and_no_secret_is_in_any_byte(world: World, lived: tuple[Customer, dict[str, str]]) -> None:
    acme, words = lived
    kept = _bytes(world, acme.id) + _bytes(world, OPERATOR)
    for name, word in words.items():
        assert word.encode() not in kept, name
    for part in (acme.token.partition(":")[2], words["token"].rpartition("_")[2], "Tokyo"):
        assert part.encode() not in kept


def test_a_refused_transaction_leaves_no_entry_and_a_made_one_exactly_one(world: World) -> None:
    acme = world.customer()
    seen = _shipped(world, acme.scope.audit)
    never = {"TableName": acme.scope.table, "Item": acme.scope.key("META").wire()}
    with pytest.raises(TransactionRefused):
        transact(
            acme.scope.clients.dynamodb,
            [{"Put": {**never, "ConditionExpression": "attribute_not_exists(pk)"}}, entry(acme.scope.audit, "sign_in")],
        )
    with pytest.raises(BadInput):
        world.operator.tokens.create(acme.id, ["usage:read"], "a name\nof two lines")
    world.operator.tokens.create(acme.id, ["usage:read"])
    world.until("the entry", lambda: read_head(acme.scope.audit).seq > seen)
    assert [each["action"] for each in _entries(acme.scope.audit)[seen:]] == ["token.create"]


def test_many_writers_and_three_sealers_make_one_chain(world: World) -> None:
    # Given a log, and beside the deployed sealer two more
    name = f"t-{secrets.token_hex(5)}"
    log, sealer = world.operator.scopes.open(name).audit, _root(world).get("lambda")
    event = json.dumps({"Records": [{"dynamodb": {"Keys": to_item({"pk": log.pk})}}]})

    def write(writer: int) -> None:
        for number in range(20):
            record(log, "sign_in", on=f"writer:{writer}-{number}")

    # When eight write and all seal at once
    with ThreadPoolExecutor(10) as pool:
        writing = [pool.submit(write, writer) for writer in range(8)]
        while not all(each.done() for each in writing):
            for each in [pool.submit(_invoke, world, sealer, event) for _ in range(2)]:
                assert each.result() == {"logs": 1}
        for each in writing:
            each.result()
    # Then each entry is there once, in one chain without a gap, each writer's in the order of its writing
    assert _shipped(world, log) == 160
    found = _entries(log)
    assert len({each["on"] for each in found}) == 160
    for writer in range(8):
        mine = [each["on"] for each in found if each["on"].startswith(f"writer:{writer}-")]
        assert mine == [f"writer:{writer}-{number}" for number in range(20)]
    verdict = _verify(world, name)
    assert verdict.intact, verdict.findings
    assert verdict.locked == 160


def test_a_tool_call_that_is_killed_and_tried_again_has_one_entry(world: World) -> None:
    acme, ann = world.customer("allowed_tools: [current_time]"), Person.new()
    hold = {"service": "dynamodb", "action": "TransactWriteItems", "match": "tool_result", "after": False}
    world.aws("POST", "hold", hold)
    world.say(acme, ann, "what time is it in Asia/Tokyo")
    world.until("the request to be held", lambda: world.aws("GET", "held")["held"] > 0)
    assert world.kill_agents() >= 1
    world.pass_time(HELD)
    world.aws("POST", "release", {"drop": True})
    world.until("the answer", lambda: world.answers(acme, ann.id))
    _shipped(world, acme.scope.audit)
    calls = [each for each in _entries(acme.scope.audit) if each["action"] == "tool.call"]
    assert [each["outcome"] for each in calls] == ["ok"]
    assert calls[0]["id"] == f"{calls[0]['details']['turn']}/{calls[0]['details']['call']}"


@pytest.fixture
def tampered(world: World) -> tuple[str, Clients, Callable[[int], str]]:
    """A log of twelve entries in two segments, root's hands, and the text of an entry."""
    name = f"t-{secrets.token_hex(5)}"
    log = world.operator.scopes.open(name).audit
    for half in range(2):
        for number in range(6):
            record(log, "sign_in", on=f"number:{half}-{number}")
        _shipped(world, log)
    return name, _root(world), lambda seq: dict(read_texts(log))[seq]


def test_tampering_with_the_table_is_found_and_the_first_bad_entry_named(
    world: World, tampered: tuple[str, Clients, Callable[[int], str]]
) -> None:
    name, root, text = tampered
    table, pk = world.operator.stage.settings.table, chain_pk(name)
    good = {seq: text(seq) for seq in range(1, 13)}
    head = root.dynamodb.get_item(TableName=table, Key=to_item({"pk": pk, "sk": "HEAD"}))["Item"]

    def write(seq: int, line: str) -> None:
        root.dynamodb.put_item(TableName=table, Item=to_item({"pk": pk, "sk": entry_sk(seq), "entry": line}))

    def remove(seq: int) -> None:
        root.dynamodb.delete_item(TableName=table, Key=to_item({"pk": pk, "sk": entry_sk(seq)}))

    def first_bad() -> int:
        verdict = _verify(world, name)
        return verdict.first_bad.seq if verdict.first_bad else 0

    assert first_bad() == 0
    # When one byte of one entry is another
    write(5, good[5].replace("number:0-4", "number:0-5"))
    assert first_bad() == 5
    # When everything after it agrees with it again, HEAD included
    before = digest(good[5].replace("number:0-4", "number:0-5"))
    for seq in range(6, 13):
        line = canonical(json.loads(good[seq]) | {"prev": before})
        write(seq, line)
        before = digest(line)
    root.dynamodb.put_item(TableName=table, Item={**head, "hash": {"S": before}})
    assert first_bad() == 5
    root.dynamodb.put_item(TableName=table, Item=head)
    for seq in range(5, 13):
        write(seq, good[seq])
    # When one is gone, two have changed places, or the end is cut off with its note
    remove(7)
    assert first_bad() == 7
    write(7, good[8])
    write(8, good[7])
    assert first_bad() == 7
    write(7, good[7])
    write(8, good[8])
    remove(12)
    shorter = {"seq": {"N": "11"}, "shipped": {"N": "11"}, "hash": {"S": digest(good[11])}}
    root.dynamodb.put_item(TableName=table, Item={**head, **shorter})
    assert first_bad() == 12
    root.dynamodb.put_item(TableName=table, Item=head)
    write(12, good[12])
    # And as it was, it is intact again
    assert first_bad() == 0


def test_tampering_with_the_bucket_is_refused_or_found(
    world: World, tampered: tuple[str, Clients, Callable[[int], str]]
) -> None:
    from botocore.exceptions import ClientError

    name, root, _ = tampered
    bucket = world.operator.stage.settings.audit_bucket
    versions = root.s3.list_object_versions(Bucket=bucket, Prefix=f"logs/{name}/")["Versions"]
    first, *_, last = sorted(versions, key=lambda each: each["Key"])
    begins = int(last["Key"].rpartition("/")[2].partition(".")[0])
    # A locked version cannot be deleted, by anybody
    with pytest.raises(ClientError, match="AccessDenied"):
        root.s3.delete_object(Bucket=bucket, Key=first["Key"], VersionId=first["VersionId"])
    # What is put over it is found, and the first version still counts
    body = root.s3.get_object(Bucket=bucket, Key=last["Key"])["Body"].read()
    root.s3.put_object(Bucket=bucket, Key=last["Key"], Body=body.replace(b"sign_in", b"sign_on", 1))
    bad = _verify(world, name).first_bad
    assert bad is not None
    assert (bad.seq, bad.where) == (begins, "bucket")
    root.s3.put_object(Bucket=bucket, Key=f"logs/{name}/000000000013.jsonl", Body=b"{}\n")
    assert _verify(world, name).found >= 2


def test_a_log_outlives_its_tenant_and_goes_on_with_the_next_of_that_name(world: World) -> None:
    acme = world.customer()
    registry, before = world.operator.registry, _shipped(world, acme.scope.audit)

    def disconnect(scope: Any) -> list[str]:
        forget_secrets(scope)
        return unpair(scope, world.operator.table, world.operator.stage.telegram_api_urls[0])

    erase(registry, acme.id, disconnect=disconnect)
    log = world.operator.scopes.open(acme.id).audit
    _shipped(world, log)
    found = _entries(log)
    assert [each["outcome"] for each in found if each["action"] == "tenant.delete"] == ["begun", "ok"]
    assert found[:before] == _entries(log)[:before]
    operator = Api(world, world.operator.tokens.create(None, [])[0])
    assert operator.json(f"/v1/tenants/{acme.id}/audit?action=tenant.delete")["entries"]
    assert operator("/v1/tenants/never-was/audit").status == 404
    registry.create(acme.id)
    count = _shipped(world, log)
    again = _entries(log)[-1]
    assert (again["action"], again["seq"]) == ("tenant.create", count)
    assert count > len(found)
    assert _verify(world, acme.id).intact


def test_the_command_shows_exports_and_verifies(
    world: World, lived: tuple[Customer, dict[str, str]], cli: Cli, tmp_path: Path
) -> None:
    acme, _ = lived
    shown = json.loads(cli("audit", "show", acme.id, "--action", "tenant.", "--json").stdout)
    assert [each["action"] for each in shown["entries"]][-1] == "tenant.create"
    # An exported line's hash is the prev of the next one, and the command acts as whom AWS knows
    file = tmp_path / "acme.jsonl"
    cli("audit", "export", acme.id, "--file", str(file))
    lines = file.read_text().splitlines()
    assert [json.loads(each)["prev"] for each in lines[1:]] == [digest(each) for each in lines[:-1]]
    assert cli("audit", "export", acme.id, "--format", "csv").stdout.count("\n") >= len(lines)
    _shipped(world, acme.scope.audit)
    last = _entries(acme.scope.audit)[-1]
    assert (last["action"], last["actor"], last["via"]) == ("export.audit", "operator", "cli")
    assert last["actor_id"].endswith("user/manyclaw-operator")
    # Intact is 0; a log that somebody has touched is 1, with the entry; a tenant that never was is 3
    assert json.loads(cli("audit", "verify", acme.id, "--json").stdout)["intact"]
    cli("audit", "verify", "--operator")
    cli("audit", "verify", "never-was", exit_code=3)
    cli("audit", "verify", exit_code=2)
    table, key = acme.scope.table, to_item({"pk": chain_pk(acme.id), "sk": entry_sk(3)})
    _root(world).dynamodb.delete_item(TableName=table, Key=key)
    broken = cli("audit", "verify", acme.id, "--json", exit_code=1)
    assert json.loads(broken.stdout)["first_bad"]["seq"] == 3
    said = cli("audit", "verify", acme.id, exit_code=1).stdout
    assert "is NOT intact, from entry 3 on" in said
