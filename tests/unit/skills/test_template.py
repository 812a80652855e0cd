"""What the template promises about the function for skills, which the embedded stack cannot show."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[3]


class _Tags(yaml.SafeLoader):
    """Reads CloudFormation's tags as what stands behind them."""


def _plain(loader: Any, suffix: str, node: Any) -> Any:
    return loader.construct_scalar(node) if isinstance(node, yaml.ScalarNode) else loader.construct_sequence(node)


_Tags.add_multi_constructor("!", _plain)
RESOURCES = yaml.load((ROOT / "template.yaml").read_text(), Loader=_Tags)["Resources"]


def test_each_tenant_gets_an_environment_of_its_own() -> None:
    assert RESOURCES["SkillsFunction"]["Properties"]["TenancyConfig"] == {"TenantIsolationMode": "PER_TENANT"}


def test_its_role_may_write_its_log_and_nothing_else() -> None:
    (policy,) = RESOURCES["SkillsRole"]["Properties"]["Policies"]
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert statement["Action"] == ["logs:CreateLogStream", "logs:PutLogEvents"]
    assert "ManagedPolicyArns" not in RESOURCES["SkillsRole"]["Properties"]


def test_only_the_agent_and_the_operator_may_call_it() -> None:
    callers = [
        name
        for name, resource in RESOURCES.items()
        if resource["Type"].startswith("AWS::IAM::") and "SkillsFunction" in str(resource)
    ]
    assert callers == ["AgentRole", "OperatorPolicy"]
