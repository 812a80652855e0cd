"""The deployed roles beside the template: what somebody added by hand, and what refusals somebody took away."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import yaml

from cli.checks.finding import Check, Finding
from cli.context import Operator
from cli.stage import ROOT

_ROLE, _POLICY = "AWS::IAM::Role", "AWS::IAM::ManagedPolicy"

Right = tuple[str, str, bool, tuple[str, ...]]
"""Effect, action, whether it is for every resource, and the operators of its conditions."""


class _Tags(yaml.SafeLoader):
    """Reads CloudFormation's tags as what stands behind them."""


def _plain(loader: Any, suffix: str, node: Any) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return loader.construct_scalar(node)
    return loader.construct_sequence(node) if isinstance(node, yaml.SequenceNode) else loader.construct_mapping(node)


_Tags.add_multi_constructor("!", _plain)


def rights_of(documents: list[Any]) -> set[Right]:
    """The rights in policy documents, without the names of resources, which only a deployment knows."""
    found: set[Right] = set()
    for document in documents:
        for statement in _statements(_read(document)["Statement"]):
            everywhere = "*" in _list(statement.get("Resource", []))
            conditions = tuple(sorted(statement.get("Condition", {})))
            found |= {(statement["Effect"], action, everywhere, conditions) for action in _list(statement["Action"])}
    return found


def template_rights(path: Path = ROOT / "template.yaml") -> dict[str, set[Right]]:
    """What the template gives each role and managed policy, by logical name."""
    resources = yaml.load(path.read_text(), Loader=_Tags)["Resources"]  # noqa: S506
    found = {}
    for name, resource in resources.items():
        if resource["Type"] == _ROLE:
            found[name] = rights_of([each["PolicyDocument"] for each in resource["Properties"].get("Policies", [])])
        elif resource["Type"] == _POLICY:
            found[name] = rights_of([resource["Properties"]["PolicyDocument"]])
    return found


def compare(name: str, deployed: set[Right], expected: set[Right]) -> Iterator[Finding]:
    """Where a role may do more than the template gives it."""
    mend = "Deploy the template as it is, or remove what was added by hand in the IAM console."
    for effect, action, everywhere, conditions in sorted(deployed - expected):
        if effect == "Allow":
            where = " on every resource" if everywhere else ""
            given = f" under {', '.join(conditions)}" if conditions else ""
            what = f"It may {action}{where}{given}, which the template does not give it so."
            severity = "critical" if everywhere or "*" in action else "high"
            yield Finding("roles", severity, what, name, mend)
    for _, action, _, _ in sorted(each for each in expected - deployed if each[0] == "Deny"):
        yield Finding("roles", "critical", f"The template's refusal of {action} is gone.", name, mend)


class Roles:
    """The checks of the deployed roles."""

    def __init__(self, operator: Operator) -> None:
        self._stage = operator.stage
        self._iam = operator.stage.clients.get("iam")
        self._template = template_rights()

    def checks(self) -> dict[str, tuple[str, Check]]:
        """One check over all of them."""
        return {"roles": (self._stage.settings.stack, self.roles)}

    def roles(self) -> Iterator[Finding]:
        stack = self._stage.settings.stack
        pages = self._stage.clients.get("cloudformation").get_paginator("list_stack_resources")
        for resource in (each for page in pages.paginate(StackName=stack) for each in page["StackResourceSummaries"]):
            logical, name = resource["LogicalResourceId"], resource["PhysicalResourceId"]
            expected = self._template.get(logical, set())
            if resource["ResourceType"] == _ROLE:
                yield from compare(name, rights_of(self._inline(name)), expected)
                yield from self._attached(name)
                yield from self._trust(name)
            elif resource["ResourceType"] == _POLICY:
                version = self._iam.get_policy(PolicyArn=name)["Policy"]["DefaultVersionId"]
                document = self._iam.get_policy_version(PolicyArn=name, VersionId=version)["PolicyVersion"]["Document"]
                yield from compare(name.rpartition("/")[2], rights_of([document]), expected)

    def _inline(self, role: str) -> list[Any]:
        names = self._iam.list_role_policies(RoleName=role)["PolicyNames"]
        return [self._iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in names]

    def _attached(self, role: str) -> Iterator[Finding]:
        for each in self._iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]:
            mend = f"aws iam detach-role-policy --role-name {role} --policy-arn {each['PolicyArn']}"
            what = f"It has the policy {each['PolicyName']}, which the template does not attach."
            yield Finding("roles", "critical", what, role, mend)

    def _trust(self, role: str) -> Iterator[Finding]:
        account = self._stage.settings.tenant_role_arn.split(":")[4]
        for statement in _list(
            _read(self._iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"])["Statement"]
        ):
            principal = statement.get("Principal", {})
            people = _list(principal.get("AWS", [])) if isinstance(principal, dict) else [principal]
            for who in people:
                if f":{account}:" not in who and who != account:
                    what = f"{who} may become this role."
                    yield Finding("roles", "critical", what, role, "Deploy the template as it is.")


def _read(document: Any) -> dict[str, Any]:
    """A policy document, which IAM gives as a dict, as JSON, or as JSON in URL encoding."""
    return dict(json.loads(unquote(document))) if isinstance(document, str) else dict(document)


def _statements(value: Any) -> Iterator[dict[str, Any]]:
    """Statements as they stand, and both branches of those that depend on a condition (``!If``)."""
    for each in _list(value):
        if isinstance(each, dict):
            yield each
        elif isinstance(each, list):
            yield from _statements(each)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
