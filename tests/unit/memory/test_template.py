"""What the template promises about the memory function in deployments that the embedded stack does not show."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
ALIAS = {"Ref": "MemoryAlias"}
FUNCTION = {"GetAtt": "MemoryFunction.Arn"}


class _Tags(yaml.SafeLoader):
    """Reads ``!Tag value`` as ``{"Tag": value}``."""


def _tagged(loader: Any, suffix: str, node: Any) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return {suffix: loader.construct_scalar(node)}
    return {suffix: loader.construct_sequence(node, deep=True)}


_Tags.add_multi_constructor("!", _tagged)
TEMPLATE = yaml.load((ROOT / "template.yaml").read_text(), Loader=_Tags)


def _holds(condition: dict[str, Any], values: dict[str, Any]) -> bool:
    if "Not" in condition:
        return not _holds(condition["Not"][0], values)
    left, right = condition["Equals"]
    return bool(values[left["Ref"]] == right)


def deployed(**parameters: str) -> dict[str, Any]:
    """Resources and outputs as they are with these parameters: conditions and !If decided."""
    values = {name: parameters.get(name, each.get("Default")) for name, each in TEMPLATE["Parameters"].items()}
    true = {name: _holds(condition, values) for name, condition in TEMPLATE["Conditions"].items()}

    def decide(value: Any) -> Any:
        if isinstance(value, list):
            return [decide(each) for each in value]
        if not isinstance(value, dict):
            return value
        if set(value) == {"If"}:
            condition, yes, no = value["If"]
            return decide(yes if true[condition] else no)
        if set(value) == {"Ref"} and value["Ref"] in values:
            return values[value["Ref"]]
        return {key: decide(each) for key, each in value.items()}

    resources = {
        name: decide(each)
        for name, each in TEMPLATE["Resources"].items()
        if "Condition" not in each or true[each["Condition"]]
    }
    return {**resources, "Outputs": decide(TEMPLATE["Outputs"])}


def who_names(what: Any, within: dict[str, Any]) -> set[str]:
    return {name for name, each in within.items() if json.dumps(what) in json.dumps(each, default=str)}


CALLERS = {
    "AgentFunction",
    "AgentRole",
    "MemoryFunctionMemory",
    "MemoryNightly",
    "MemoryNightlyRole",
    "OperatorPolicy",
    "Outputs",
}


def test_without_snapstart_there_is_no_version_and_everybody_calls_the_function() -> None:
    resources = deployed()
    assert resources["MemoryFunction"]["Properties"]["SnapStart"] == {"ApplyOn": "None"}
    assert not {"MemoryVersion", "MemoryAlias"} & set(resources)
    assert who_names(FUNCTION, resources) == CALLERS
    assert who_names(ALIAS, resources) == set()


def test_with_snapstart_everybody_calls_the_alias_of_a_published_version() -> None:
    resources = deployed(MemorySnapStart="PublishedVersions")
    assert resources["MemoryFunction"]["Properties"]["SnapStart"] == {"ApplyOn": "PublishedVersions"}
    assert who_names(ALIAS, resources) == CALLERS
    assert who_names(FUNCTION, resources) == set()
    assert who_names({"Ref": "MemoryFunction"}, resources) == {"MemoryVersion", "MemoryAlias"}
    assert resources["MemoryAlias"]["Properties"]["FunctionVersion"] == {"GetAtt": "MemoryVersion.Version"}


def test_nothing_that_snapstart_forbids_is_set() -> None:
    properties = deployed(MemorySnapStart="PublishedVersions")["MemoryFunction"]["Properties"]
    forbidden = {"FileSystemConfigs", "ProvisionedConcurrencyConfig", "EphemeralStorage", "TenancyConfig"}
    assert not forbidden & set(properties)


def test_a_change_of_the_function_publishes_a_version() -> None:
    """Layers name themselves in the version's description; of the function itself it holds a hash."""
    _, parts = deployed(MemorySnapStart="PublishedVersions")["MemoryVersion"]["Properties"]["Description"]["Join"]
    files = sorted(path for path in (ROOT / "functions" / "memory").rglob("*") if path.suffix not in ("", ".pyc"))
    function = [TEMPLATE["Globals"], TEMPLATE["Resources"]["MemoryFunction"]]
    digest = hashlib.sha256(json.dumps(function, sort_keys=True).encode())
    for path in files:
        digest.update(path.name.encode() + path.read_bytes())
    assert parts[0] == f"code {digest.hexdigest()[:16]}", "write this into MemoryVersion's Description"
    layers = TEMPLATE["Resources"]["MemoryFunction"]["Properties"]["Layers"]
    assert who_names(layers[0], {"parts": parts[1:]}) == who_names(layers[1], {"parts": parts[1:]}) == {"parts"}


@pytest.mark.parametrize("allowed", ["true", "false"])
def test_bedrock_is_called_only_where_the_deployment_says_so_and_only_two_models(allowed: str) -> None:
    resources = deployed(BedrockEmbeddings=allowed)
    (policy,) = resources["MemoryRole"]["Properties"]["Policies"]
    statements = [each for each in policy["PolicyDocument"]["Statement"] if "bedrock" in json.dumps(each)]
    if allowed == "false":
        assert statements == []
        return
    (statement,) = statements
    assert statement["Action"] == "bedrock:InvokeModel"
    models = [each["Sub"].split("::")[-1] for each in statement["Resource"]]
    assert models == [
        "foundation-model/amazon.titan-embed-text-v2:0",
        "foundation-model/cohere.embed-multilingual-v3",
    ]
    assert [name for name, each in resources.items() if "bedrock:" in json.dumps(each, default=str)] == ["MemoryRole"]
