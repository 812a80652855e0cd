"""The deployed roles beside the template: what somebody added by hand, and what refusals somebody took away."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cli.checks.finding import Check, Finding
from cli.checks.policies import (
    MANAGED_POLICY,
    ROLE,
    Names,
    Right,
    Template,
    beyond,
    read_template,
    refusals_gone,
    rights_of,
)
from cli.context import Operator

_MEND = "Deploy the template as it is, or remove what was added by hand in the IAM console."


def compare(name: str, deployed: set[Right], expected: set[Right], names: Names) -> Iterator[Finding]:
    """Where a role may do more than the template gives it."""
    for right in beyond(deployed, expected, names):
        what = f"It may {right.said}, which the template does not give it so."
        yield Finding("roles", "critical" if right.is_broad else "high", what, name, _MEND)
    for right in refusals_gone(deployed, expected, names):
        yield Finding("roles", "critical", f"The template's refusal of {right.said} is gone.", name, _MEND)


def compare_trust(name: str, deployed: set[Right], expected: set[Right], names: Names) -> Iterator[Finding]:
    """Who may become a role and may not by the template: people, services, or somebody who signs in elsewhere."""
    for right in beyond(deployed, expected, names):
        what = f"{right.who} may become this role ({right.said}), which the template does not say so."
        yield Finding("roles", "critical", what, name, _MEND)


def names_of(operator: Operator, template: Template) -> dict[str, str]:
    """What the template's references are in this deployment."""
    settings = operator.stage.settings
    _, partition, _, _, account, _ = settings.tenant_role_arn.split(":", 5)
    pseudo = {"Partition": partition, "AccountId": account, "Region": settings.region, "StackName": settings.stack}
    return template.names(operator.stage.outputs, pseudo)


class Roles:
    """The checks of the deployed roles."""

    def __init__(self, operator: Operator) -> None:
        self._stage = operator.stage
        self._iam = operator.stage.clients.get("iam")
        self._template = read_template()
        self._names = names_of(operator, self._template)

    def checks(self) -> dict[str, tuple[str, Check]]:
        """One check over all of them."""
        return {"roles": (self._stage.settings.stack, self.roles)}

    def roles(self) -> Iterator[Finding]:
        stack = self._stage.settings.stack
        pages = self._stage.clients.get("cloudformation").get_paginator("list_stack_resources")
        for resource in (each for page in pages.paginate(StackName=stack) for each in page["StackResourceSummaries"]):
            logical, name = resource["LogicalResourceId"], resource["PhysicalResourceId"]
            expected = self._template.rights.get(logical, set())
            if resource["ResourceType"] == ROLE:
                yield from compare(name, rights_of(self._inline(name)), expected, self._names)
                yield from self._attached(name)
                trust = rights_of([self._iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]])
                yield from compare_trust(name, trust, self._template.trust.get(logical, set()), self._names)
            elif resource["ResourceType"] == MANAGED_POLICY:
                version = self._iam.get_policy(PolicyArn=name)["Policy"]["DefaultVersionId"]
                document = self._iam.get_policy_version(PolicyArn=name, VersionId=version)["PolicyVersion"]["Document"]
                yield from compare(name.rpartition("/")[2], rights_of([document]), expected, self._names)

    def _inline(self, role: str) -> list[Any]:
        names = self._iam.list_role_policies(RoleName=role)["PolicyNames"]
        return [self._iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in names]

    def _attached(self, role: str) -> Iterator[Finding]:
        for each in self._iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]:
            mend = f"aws iam detach-role-policy --role-name {role} --policy-arn {each['PolicyArn']}"
            what = f"It has the policy {each['PolicyName']}, which the template does not attach."
            yield Finding("roles", "critical", what, role, mend)
