"""The proof: from one tenant's session, every AWS call of the product on another tenant's data is refused.

The calls are found in the source, so a new one that is not listed here fails the first test.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.session import get_session

from manyclaw.aws import Clients, Credentials, error_code, to_item
from manyclaw.tenancy import TenantScope
from tests.integration.world import Person, World

pytestmark = pytest.mark.integration

PRODUCT = Path(__file__).resolve().parents[2] / "shared" / "manyclaw"
SERVICES = (
    "bedrock-runtime",
    "cloudformation",
    "dynamodb",
    "iam",
    "kms",
    "lambda",
    "s3",
    "scheduler",
    "sqs",
    "ssm",
    "sts",
)
DENIED = ("AccessDenied", "AccessDeniedException", "403", "UnauthorizedOperation")

Probe = Callable[[TenantScope, TenantScope], Any]


def _update(theirs: TenantScope, kind: str) -> dict[str, Any]:
    """One item of a transaction on another tenant's keys."""
    key = theirs.part("CHAT#1", "MSG#HEAD")
    common = {"TableName": theirs.table}
    value = to_item({":x": 1})
    return {
        "Put": {"Put": {**common, "Item": {**key.wire(), "x": {"N": "1"}}}},
        "Delete": {"Delete": {**common, "Key": key.wire()}},
        "ConditionCheck": {
            "ConditionCheck": {**common, "Key": key.wire(), "ConditionExpression": "attribute_exists(pk)"}
        },
        "Update": {
            "Update": {
                **common,
                "Key": key.wire(),
                "UpdateExpression": "SET x = :x",
                "ExpressionAttributeValues": value,
            }
        },
    }[kind]


def _transact(mine: TenantScope, theirs: TenantScope, kind: str) -> None:
    """A transaction whose first item is our own and whose second is theirs."""
    own = {"Put": {"TableName": mine.table, "Item": {**mine.key("PROBE").wire()}}}
    mine.clients.dynamodb.transact_write_items(TransactItems=[own, _update(theirs, kind)])  # type: ignore[list-item]


PROBES: dict[str, list[Probe]] = {
    "get_item": [
        lambda mine, theirs: mine.clients.dynamodb.get_item(TableName=mine.table, Key=theirs.key("META").wire()),
        lambda mine, theirs: mine.clients.dynamodb.get_item(
            TableName=mine.table, Key={"pk": {"S": "GATEWAY"}, "sk": {"S": f"WEBHOOK#{theirs.tenant}"}}
        ),
    ],
    "batch_get_item": [
        lambda mine, theirs: mine.clients.dynamodb.batch_get_item(
            RequestItems={mine.table: {"Keys": [mine.key("META").wire(), theirs.key("META").wire()]}}
        ),
        lambda mine, _: mine.clients.dynamodb.batch_get_item(
            RequestItems={mine.table: {"Keys": [{"pk": {"S": "ACCESS"}, "sk": {"S": "SESSION#0"}}]}}
        ),
        lambda mine, theirs: mine.clients.dynamodb.batch_get_item(
            RequestItems={mine.table: {"Keys": [{"pk": {"S": "MEMORY"}, "sk": {"S": f"WRITTEN#{theirs.tenant}#u1"}}]}}
        ),
    ],
    "query": [
        lambda mine, theirs, part=part: mine.clients.dynamodb.query(
            TableName=mine.table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues=to_item({":pk": f"{theirs.tenant}{part}"}),
        )
        for part in ("", "#CHAT#1", "#LEDGER#2026-11-22", "#USAGE", "#AUDIT", "#INBOX")
    ]
    + [
        lambda mine, _: mine.clients.dynamodb.query(
            TableName=mine.table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues=to_item({":pk": "GATEWAY#AUDIT"}),
        )
    ],
    "put_item": [
        lambda mine, theirs, part=part: mine.clients.dynamodb.put_item(
            TableName=mine.table, Item=theirs.part(part, "PROBE").wire() if part else theirs.key("PROBE").wire()
        )
        for part in ("", "INBOX", "AUDIT")
    ]
    + [
        lambda mine, _, pk=pk: mine.clients.dynamodb.put_item(
            TableName=mine.table, Item=to_item({"pk": pk, "sk": "IN#0"})
        )
        for pk in ("GATEWAY#INBOX", "GATEWAY#AUDIT")
    ]
    # Not even its own chain: that is the sealer's.
    + [
        lambda mine, _: mine.clients.dynamodb.put_item(
            TableName=mine.table, Item=mine.part("AUDIT", "E#000000000001").wire()
        )
    ],
    "update_item": [
        lambda mine, theirs: mine.clients.dynamodb.update_item(
            TableName=mine.table,
            Key=theirs.key("META").wire(),
            UpdateExpression="SET #s = :s",
            ExpressionAttributeNames={"#s": "status"},
            ExpressionAttributeValues=to_item({":s": "suspended"}),
        )
    ],
    "delete_item": [
        lambda mine, theirs: mine.clients.dynamodb.delete_item(TableName=mine.table, Key=theirs.key("META").wire()),
        lambda mine, theirs: mine.clients.dynamodb.delete_item(
            TableName=mine.table, Key=theirs.part("AUDIT", "HEAD").wire()
        ),
        lambda mine, _: mine.clients.dynamodb.delete_item(TableName=mine.table, Key=mine.part("AUDIT", "HEAD").wire()),
    ],
    "transact_write_items": [
        lambda mine, theirs, kind=kind: _transact(mine, theirs, kind)  # type: ignore[misc]
        for kind in ("Put", "Update", "Delete", "ConditionCheck")
    ],
    "get_object": [
        lambda mine, theirs: mine.clients.s3.get_object(Bucket=mine.bucket, Key=theirs.object_key("config.yaml")),
        lambda mine, theirs: mine.clients.s3.get_object(Bucket=mine.bucket, Key="config.yaml"),
        lambda mine, theirs: mine.clients.s3.get_object(Bucket=_audit_bucket(mine), Key=_segment(theirs)),
        lambda mine, _: mine.clients.s3.get_object(Bucket=_audit_bucket(mine), Key=_segment(mine)),
    ],
    "put_object": [
        lambda mine, theirs: mine.clients.s3.put_object(
            Bucket=mine.bucket, Key=theirs.object_key("config.yaml"), Body=b"model: x"
        ),
        lambda mine, theirs: mine.clients.s3.put_object(Bucket=_audit_bucket(mine), Key=_segment(theirs), Body=b"{}"),
        lambda mine, _: mine.clients.s3.put_object(Bucket=_audit_bucket(mine), Key=_segment(mine), Body=b"{}"),
    ],
    "delete_objects": [
        lambda mine, theirs: _all_deleted(
            mine.clients.s3.delete_objects(
                Bucket=mine.bucket, Delete={"Objects": [{"Key": theirs.object_key("config.yaml")}]}
            )
        )
    ],
    "list_objects_v2": [
        lambda mine, theirs, prefix=prefix: mine.clients.s3.list_objects_v2(  # type: ignore[misc]
            Bucket=mine.bucket, **({} if prefix is None else {"Prefix": prefix.format(theirs.tenant)})
        )
        for prefix in (None, "", "tenants/", "tenants/{}/", "tenants/{}/memory/")
    ],
    "list_object_versions": [
        lambda mine, theirs: mine.clients.s3.list_object_versions(Bucket=mine.bucket, Prefix=theirs.object_key("")),
        lambda mine, theirs: mine.clients.s3.list_object_versions(
            Bucket=_audit_bucket(mine), Prefix=f"logs/{theirs.tenant}/"
        ),
    ],
    "get_parameter": [
        lambda mine, theirs, name=name: mine.clients.ssm.get_parameter(  # type: ignore[misc]
            Name=name.format(theirs.parameter("telegram/token")), WithDecryption=True
        )
        for name in ("{}", "/manyclaw/anthropic")
    ],
    "put_parameter": [
        lambda mine, theirs: mine.clients.ssm.put_parameter(
            Name=theirs.parameter("telegram/token"), Value="x", Type="SecureString", Overwrite=True
        )
    ],
    "delete_parameter": [
        lambda mine, theirs: mine.clients.ssm.delete_parameter(Name=theirs.parameter("telegram/token"))
    ],
    "get_schedule": [
        lambda mine, theirs: mine.clients.get("scheduler").get_schedule(**_schedule(theirs)),
        lambda mine, theirs: mine.clients.get("scheduler").get_schedule(
            **{**_schedule(theirs), "GroupName": "default"}
        ),
    ],
    "delete_schedule": [lambda mine, theirs: mine.clients.get("scheduler").delete_schedule(**_schedule(theirs))],
    "create_schedule": [lambda mine, theirs: mine.clients.get("scheduler").create_schedule(**_new_schedule(theirs))],
    "update_schedule": [lambda mine, theirs: mine.clients.get("scheduler").update_schedule(**_new_schedule(theirs))],
}
"""What the product asks of AWS with a tenant's session, aimed at another tenant's data."""

OWN_ROLE = {
    "assume_role": "opens a session: the one thing that a function's own role may do about tenants",
    "invoke_model": "embeds a text of a tenant with a model of Bedrock, which keeps nothing",
    "invoke": "asks memory's function, which opens the tenant's session itself, or that of skills, which has no rights",
    "list_schedules": "the operator's and the night's, to find what deleted tenants left over",
    "send_message": "hands a finished turn to memory.fifo; the operator's and the api's, to run a job at once",
    "send_message_batch": "the agent's, to turn a due job into a message for each chat",
    "change_message_visibility": "the queue's message, which is nobody's data but the function's work",
}
"""What a function or the operator asks with their own rights; nothing of it touches a tenant's data."""

NEVER: dict[str, Callable[[TenantScope], Any]] = {
    "scan": lambda mine: mine.clients.dynamodb.scan(TableName=mine.table),
    "execute_statement": lambda mine: mine.clients.dynamodb.execute_statement(
        Statement=f'SELECT * FROM "{mine.table}"'
    ),
    "batch_write_item": lambda mine: mine.clients.dynamodb.batch_write_item(
        RequestItems={mine.table: [{"DeleteRequest": {"Key": {"pk": {"S": "x"}, "sk": {"S": "y"}}}}]}
    ),
    "send_message": lambda mine: mine.clients.sqs.send_message(
        QueueUrl="http://localhost/000000000000/manyclaw-inbound.fifo", MessageBody="{}", MessageGroupId="x"
    ),
    "invoke": lambda mine: mine.clients.get("lambda").invoke(FunctionName="manyclaw-skills", Payload=b"{}"),
    "invoke_model": lambda mine: mine.clients.get("bedrock-runtime").invoke_model(
        modelId="amazon.titan-embed-text-v2:0", body=b'{"inputText": "x"}'
    ),
    "assume_role": lambda mine: mine.clients.sts.assume_role(
        RoleArn="arn:aws:iam::000000000000:role/manyclaw-tenant", RoleSessionName="escape"
    ),
    "assume_role to seal": lambda mine: mine.clients.sts.assume_role(
        RoleArn="arn:aws:iam::000000000000:role/manyclaw-sealer", RoleSessionName="escape"
    ),
}
"""What no session of a tenant may do at all."""


def _audit_bucket(mine: TenantScope) -> str:
    return mine.bucket.replace("-data-", "-audit-")


def _segment(theirs: TenantScope) -> str:
    return f"logs/{theirs.tenant}/000000000001.jsonl"


def _schedule(theirs: TenantScope) -> dict[str, str]:
    return {"Name": theirs.schedule_name("daily"), "GroupName": theirs.schedule_group}


def _new_schedule(theirs: TenantScope) -> dict[str, Any]:
    return {
        **_schedule(theirs),
        "ScheduleExpression": "rate(1 day)",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": {
            "Arn": theirs.deployment_arn("sqs", "inbound.fifo"),
            "RoleArn": theirs.deployment_arn("iam", "role/scheduler"),
            "Input": "{}",
        },
    }


def _all_deleted(answer: Any) -> None:
    """DeleteObjects answers 200 and names what it refused."""
    for error in answer.get("Errors", []):
        raise ClientError({"Error": {"Code": error["Code"]}}, "DeleteObjects")


def _operations() -> set[str]:
    """The names of all operations of the services that the product may use, as Python methods."""
    session = get_session()
    found: set[str] = set()
    for service in SERVICES:
        client = session.create_client(
            service, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
        )
        found |= set(client.meta.method_to_api_mapping)
    return found


def _calls_in_the_product() -> set[str]:
    operations = _operations()
    used: set[str] = set()
    for path in PRODUCT.rglob("*.py"):
        used |= {
            node.attr
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Attribute) and node.attr in operations and not _is_ours(node)
        }
    return used


def _is_ours(node: ast.Attribute) -> bool:
    """A method of an object of ours that is named like an operation."""
    if node.attr in ("create_table", "list_tables"):  # LanceDB's
        return True
    return isinstance(node.value, ast.Name) and node.value.id in ("self", "journal", "yaml")


def test_every_aws_call_of_the_product_is_listed_here() -> None:
    assert _calls_in_the_product() == set(PROBES) | set(OWN_ROLE)


def test_what_the_product_does_to_its_own_tenant_is_refused_on_another(world: World) -> None:
    # Given two tenants, the one's name the beginning of the other's, and something of the other's everywhere
    longer = world.customer()
    world.operator.registry.create(longer.id[:-2])
    mine, theirs = world.operator.scopes.open(longer.id[:-2]), longer.scope
    for ours, others in ((mine, theirs), (theirs, mine)):
        for name, probes in PROBES.items():
            for number, probe in enumerate(probes):
                # When the one tries it, then it is refused
                with pytest.raises(ClientError) as refused:
                    probe(ours, others)
                assert error_code(refused.value) in DENIED, f"{name} {number}: {refused.value}"
    # And nothing of the other's has changed
    assert world.ask(longer, Person.new(), "still there?")


def test_a_session_may_neither_scan_nor_become_another(world: World) -> None:
    scope = world.customer().scope
    for name, call in NEVER.items():
        with pytest.raises(ClientError) as refused:
            call(scope)
        assert error_code(refused.value) in DENIED, f"{name}: {refused.value}"


def test_the_deployed_roles_hold_no_right_to_tenants_data(world: World) -> None:
    iam = Clients(world.stack["region"], Credentials("test", "test"), world.stack["aws_endpoint"]).get("iam")
    roles = [role["RoleName"] for role in iam.list_roles()["Roles"] if role["RoleName"].startswith("manyclaw")]
    assert len(roles) >= 3
    for role in roles:
        for policy in iam.list_role_policies(RoleName=role)["PolicyNames"]:
            document = iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
            document = json.loads(document) if isinstance(document, str) else document
            for statement in document["Statement"]:
                _check_statement(role, statement)


def _check_statement(role: str, statement: dict[str, Any]) -> None:
    actions = [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]
    resources = statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]]
    if statement["Effect"] == "Deny":
        return
    forbidden = ("dynamodb:Scan", "dynamodb:PartiQL", "dynamodb:*", "s3:*", "ssm:*", "sts:*", "*")
    assert not [action for action in actions if action.startswith(forbidden[:2]) or action in forbidden[2:]], role
    if role.endswith(("-tenant", "-sealer")):
        return
    assert not [resource for resource in resources if "tenants/" in str(resource)], f"{role} may touch tenants' data"
    reads_the_stream = {"dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"}
    if {"dynamodb:ListStreams"} == set(actions) or set(actions) == reads_the_stream:
        assert role.endswith("-audit"), f"{role} may read the stream, which names every row"
        return
    if any(action.startswith("dynamodb:") for action in actions):
        condition = statement["Condition"]
        if condition == {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["*#INBOX"]}}:
            assert set(actions) == {"dynamodb:PutItem"}, "entries are handed in, and never read or taken back"
            return
        keys = condition["ForAllValues:StringEquals"]["dynamodb:LeadingKeys"]
        own = (["GATEWAY"], "GATEWAY", ["ACCESS"], ["MEMORY"], ["GATEWAY#AUDIT"])
        assert keys in own, f"{role} may read more than the operator's partitions"
        assert "MEMORY" not in keys or "MemoryRole" in role
        if "ApiRole" in role and "ACCESS" not in keys:
            assert set(actions) <= {"dynamodb:GetItem", "dynamodb:Query"}, "the api makes no token, tenant or pairing"


def test_ids_that_try_to_escape_never_become_a_scope(world: World) -> None:
    from manyclaw.errors import BadInput

    for name in ("a/../b", "a#b", "A", "ä", "a" * 33, "*", "a*", "", "GATEWAY", "a\n", "-a"):
        with pytest.raises(BadInput):
            world.operator.scopes.open(name)
