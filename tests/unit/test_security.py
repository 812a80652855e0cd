"""docs/security.md can be followed: every claim has tests that exist, every command is one. And what the template
promises that the embedded stack cannot show."""

from __future__ import annotations

import ast
import re
import shlex
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from cli.main import app
from cli.root import hoist
from local.claims import PAGE, Claim, chosen, claims

ROOT = Path(__file__).resolve().parents[2]
TEXT = PAGE.read_text()
CLAIMS = claims(TEXT)
TEMPLATE = (ROOT / "template.yaml").read_text()


class _Tags(yaml.SafeLoader):
    """Reads CloudFormation's tags as what stands behind them."""


def _plain(loader: Any, suffix: str, node: Any) -> Any:
    return loader.construct_scalar(node) if isinstance(node, yaml.ScalarNode) else loader.construct_sequence(node)


_Tags.add_multi_constructor("!", _plain)
RESOURCES = yaml.load(TEMPLATE, Loader=_Tags)["Resources"]


@cache
def _tests_of(path: Path) -> frozenset[str]:
    nodes = ast.walk(ast.parse(path.read_text()))
    return frozenset(node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
def test_every_claim_names_tests_that_exist(claim: Claim) -> None:
    assert claim.tests
    for test in claim.tests:
        path, _, name = test.partition("::")
        assert name in _tests_of(ROOT / path), test


def test_every_row_of_a_table_of_claims_is_read() -> None:
    rows = re.findall(r"^\| ([A-Z]\d+) \|", TEXT, re.MULTILINE)
    assert rows == [claim.id for claim in CLAIMS]
    assert len(rows) == len(set(rows)) > 50
    for letter in {row[0] for row in rows}:
        numbers = [int(row[1:]) for row in rows if row[0] == letter]
        assert numbers == list(range(1, len(numbers) + 1))
    assert TEXT.count("tests/") == sum(len(claim.tests) for claim in CLAIMS) + TEXT.count("under `tests/integration`")


def test_claims_are_chosen_by_number_and_letter() -> None:
    assert [claim.id for claim in chosen(CLAIMS, ["W1", "U"])] == ["W1", "U1", "U2", "U3", "U4", "U5"]
    assert chosen(CLAIMS, []) == CLAIMS
    with pytest.raises(ValueError, match="Z9"):
        chosen(CLAIMS, ["Z9"])


def _commands(page: Path) -> list[str]:
    text = page.read_text()
    lines = [line for block in re.findall(r"```console\n(.*?)```", text, re.DOTALL) for line in block.splitlines()]
    found = [line.removeprefix("$ ").split("  #")[0].strip() for line in lines if line.startswith("$ ")]
    return [*found, *re.findall(r"`((?:manyclaw|make|\.venv/bin/python) [^`]+)`", text)]


@pytest.mark.parametrize("command", sorted(set(_commands(PAGE))))
def test_every_command_of_the_page_is_one(command: str) -> None:
    words = shlex.split(command)
    if words[0] == "make":
        assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
    elif words[0].endswith("python"):
        assert words[1] == "-m"
        assert find_spec(words[2])
    else:
        _check_ours(words[1:])


def _check_ours(words: list[str]) -> None:
    """The command exists and has every option that is given."""
    command: Any = typer.main.get_command(app)
    known = {name for each in command.params for name in each.opts}
    while words := hoist(words):
        if words[0] in known:
            words = words[2 if words[0] == "--stage" else 1 :]
            continue
        following = getattr(command, "commands", {}).get(words[0])
        if following is None:
            break
        command, words = following, words[1:]
    assert not hasattr(command, "commands"), f"no command: {words}"
    options = {name for each in command.params for name in each.opts}
    assert not [word for word in words if word.startswith("--") and word not in options | known]


def test_every_mending_command_of_the_doctor_is_one() -> None:
    sources = [path.read_text() for path in (ROOT / "cli/checks").glob("*.py")]
    mends = {mend for text in sources for mend in re.findall(r'f?"(manyclaw [^"]+)"', text)}
    assert len(mends) > 5
    for mend in mends:
        for part in re.sub(r"\{[^}]*option\}", "--operator", mend).split(", then "):
            _check_ours(shlex.split(re.sub(r"\{[^}]+\}", "x", part).removeprefix("manyclaw ")))


def test_the_http_api_is_throttled() -> None:
    settings = RESOURCES["HttpStage"]["Properties"]["DefaultRouteSettings"]
    assert settings == {"ThrottlingRateLimit": "RequestsPerSecond", "ThrottlingBurstLimit": "RequestBurst"}


def test_the_access_log_names_no_header_and_no_query() -> None:
    logged = RESOURCES["HttpStage"]["Properties"]["AccessLogSettings"]["Format"]
    assert not re.search(r"header|query|body|authorizer|cookie|userAgent", logged, re.IGNORECASE)


def test_the_data_bucket_is_closed() -> None:
    bucket = RESOURCES["DataBucket"]["Properties"]
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    (statement,) = RESOURCES["DataBucketPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})


def test_the_data_outlives_the_stack() -> None:
    for name in ("Table", "DataBucket", "AuditBucket"):
        assert RESOURCES[name]["DeletionPolicy"] == "RetainExceptOnCreate"
        assert RESOURCES[name]["UpdateReplacePolicy"] == "Retain"
    table = RESOURCES["Table"]["Properties"]
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["DeletionProtectionEnabled"] == "DeletionProtection"
    assert RESOURCES["DataBucket"]["Properties"]["VersioningConfiguration"] == {"Status": "Enabled"}


def test_every_alarm_tells_the_topic_and_every_dead_letter_queue_has_one() -> None:
    alarms = [each["Properties"] for each in RESOURCES.values() if each["Type"] == "AWS::CloudWatch::Alarm"]
    assert all(each["AlarmActions"] == ["WithAlarmTopic", ["AlarmTopicArn"], "AWS::NoValue"] for each in alarms)
    watched = {dimension["Value"] for each in alarms for dimension in each["Dimensions"]}
    queues = {f"{name}.QueueName" for name in RESOURCES if name.endswith("Dlq")}
    assert queues < watched
    assert len(queues) == 4


def test_the_audit_functions_first_failure_rings() -> None:
    alarm = RESOURCES["AuditAlarm"]["Properties"]
    assert (alarm["MetricName"], alarm["Statistic"], alarm["Threshold"]) == ("Errors", "Sum", 0)
    assert (alarm["ComparisonOperator"], alarm["DatapointsToAlarm"]) == ("GreaterThanThreshold", 1)
    mapping = RESOURCES["AuditFunction"]["Properties"]["Events"]["Inboxes"]["Properties"]
    assert mapping["DestinationConfig"]["OnFailure"] == {"Type": "SQS", "Destination": "AuditDlq.Arn"}


def test_every_queue_is_encrypted_and_every_log_ends() -> None:
    for name, resource in RESOURCES.items():
        if resource["Type"] == "AWS::SQS::Queue":
            assert resource["Properties"]["SqsManagedSseEnabled"] is True, name
        if resource["Type"] == "AWS::Logs::LogGroup":
            assert resource["Properties"]["RetentionInDays"] == "LogRetentionDays", name


def test_the_auditor_may_read_no_data() -> None:
    statements = RESOURCES["AuditorPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    actions = {
        action
        for each in statements
        for action in ([each["Action"]] if isinstance(each["Action"], str) else each["Action"])
    }
    assert all(re.fullmatch(r"apigateway:GET|[a-z0-9]+:(Get|List|Describe)[A-Za-z]+", action) for action in actions)
    data = (
        "GetItem",
        "GetObject",
        "GetParameter",
        "Query",
        "GetRecords",
        "GetLogEvents",
        "GetSecretValue",
        "GetFunction",
    )
    assert not [action for action in actions if action.partition(":")[2] in data]
