"""Policy documents as rights that can be held against the template's: of roles, of trust, and of buckets."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import yaml

from cli.stage import ROOT

ROLE, MANAGED_POLICY, BUCKET_POLICY = "AWS::IAM::Role", "AWS::IAM::ManagedPolicy", "AWS::S3::BucketPolicy"
_BUT = "anything but "

Names = Mapping[str, str]
"""What the template's references (``AWS::StackName``, ``Table``, ``TenantRole.Arn``) are in a deployment."""


@dataclass(frozen=True, order=True)
class Right:
    """One action of a statement on one resource for one principal.

    Attributes
    ----------
    resource, who
        "" where the document names none: a trust document has no resource, a role's policy no principal.
    conditions
        Operator, key and values of each.
    """

    effect: str
    action: str
    resource: str = ""
    conditions: tuple[tuple[str, str, tuple[str, ...]], ...] = ()
    who: str = ""

    @property
    def is_broad(self) -> bool:
        """Whether it holds for every resource, for a pattern of actions, or for all but what is named."""
        return self.resource == "*" or "*" in self.action or _BUT in f"{self.action} {self.resource} {self.who}"

    @property
    def said(self) -> str:
        """For people."""
        where = " on every resource" if self.resource == "*" else f" on {self.resource}" if self.resource else ""
        given = ", ".join(f"{operator} {key} {'|'.join(values)}" for operator, key, values in self.conditions)
        return f"{self.action}{where}{f' under {given}' if given else ''}"


class _Tags(yaml.SafeLoader):
    """Reads CloudFormation's tags as what stands behind them; a reference as ``${…}``."""


def _plain(loader: Any, suffix: str, node: Any) -> Any:
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
        return f"${{{value}}}" if suffix in ("Ref", "GetAtt") else value
    return loader.construct_sequence(node) if isinstance(node, yaml.SequenceNode) else loader.construct_mapping(node)


_Tags.add_multi_constructor("!", _plain)


@dataclass(frozen=True)
class Template:
    """What the template gives, by logical name: rights of roles and policies, who may become a role, and the names of
    the references that its outputs tell."""

    rights: dict[str, set[Right]]
    trust: dict[str, set[Right]]
    outputs: dict[str, str]

    def names(self, outputs: Names, pseudo: Names) -> dict[str, str]:
        """The references of a deployment with these ``outputs``."""
        told = {given: outputs[name] for name, given in self.outputs.items() if name in outputs}
        return {**told, **{f"AWS::{name}": value for name, value in pseudo.items()}}


def read_template(path: Path = ROOT / "template.yaml") -> Template:
    """What the template gives each role, managed policy and bucket."""
    whole = yaml.load(path.read_text(), Loader=_Tags)  # noqa: S506
    found = Template({}, {}, {})
    for name, resource in whole["Resources"].items():
        properties = resource.get("Properties", {})
        if resource["Type"] == ROLE:
            found.rights[name] = rights_of([each["PolicyDocument"] for each in properties.get("Policies", [])])
            found.trust[name] = rights_of([properties["AssumeRolePolicyDocument"]])
        elif resource["Type"] in (MANAGED_POLICY, BUCKET_POLICY):
            found.rights[name] = rights_of([properties["PolicyDocument"]])
    for name, output in whole["Outputs"].items():
        if re.fullmatch(r"\$\{[^{}]+\}", str(output["Value"])):
            found.outputs[name] = output["Value"][2:-1]
    return found


def rights_of(documents: Iterable[Any]) -> set[Right]:
    """The rights in policy documents: those of the template, or as IAM gives them."""
    return {
        Right(str(statement.get("Effect", "")), action, resource, _conditions(statement), who)
        for document in documents
        for statement in _statements(read_document(document).get("Statement", []))
        for action in _named(statement, "Action")
        for resource in _named(statement, "Resource") or [""]
        for who in _principals(statement) or [""]
    }


def covers(expected: Right, given: Right, names: Names) -> bool:
    """Whether ``given`` is what the template says with ``expected``: same action, condition keys and values, and a
    resource with wildcards in the same places."""
    return (
        (expected.effect, expected.action.lower()) == (given.effect, given.action.lower())
        and [each[:2] for each in expected.conditions] == [each[:2] for each in given.conditions]
        and _is(expected.resource, given.resource, names)
        and _is(expected.who, given.who, names)
        and all(
            _same_values(one[2], other[2], names)
            for one, other in zip(expected.conditions, given.conditions, strict=True)
        )
    )


def beyond(deployed: set[Right], expected: set[Right], names: Names) -> list[Right]:
    """What is allowed that the template does not allow."""
    allowed = sorted(right for right in deployed if right.effect == "Allow")
    return [right for right in allowed if not any(covers(each, right, names) for each in expected)]


def refusals_gone(deployed: set[Right], expected: set[Right], names: Names) -> list[Right]:
    """What the template refuses and the deployment does not."""
    denied = sorted(right for right in expected if right.effect == "Deny")
    return [right for right in denied if not any(covers(right, each, names) for each in deployed)]


def read_document(document: Any) -> dict[str, Any]:
    """A policy document, which IAM gives as a dict, as JSON, or as JSON in URL encoding."""
    return dict(json.loads(unquote(document))) if isinstance(document, str) else dict(document)


def _is(expected: str, given: str, names: Names) -> bool:
    parts = re.split(r"(\$\{[^}]+\})", expected)
    pattern = "".join(_pattern(part[2:-1], names) if part.startswith("${") else re.escape(part) for part in parts)
    return re.fullmatch(pattern, given) is not None


def _pattern(reference: str, names: Names) -> str:
    """What a reference may have become: its name where we know it, and never something with a wildcard."""
    if reference in names:
        return re.escape(names[reference])
    logical, _, attribute = reference.partition(".")
    if attribute == "Arn" and logical in names:
        return rf"arn:[^*?]*[:/]{re.escape(names[logical].rpartition('/')[2])}"
    # A log group's ARN ends with a wildcard by itself.
    return r"(?:arn:[^*?]+:log-group:[^*?]+:\*|[^*?]+)"


def _same_values(expected: tuple[str, ...], given: tuple[str, ...], names: Names) -> bool:
    return all(any(_is(one, other, names) for one in expected) for other in given) and all(
        any(_is(one, other, names) for other in given) for one in expected
    )


def _conditions(statement: dict[str, Any]) -> tuple[tuple[str, str, tuple[str, ...]], ...]:
    found = [
        (operator, key, tuple(sorted(str(value) for value in _list(values))))
        for operator, keys in (statement.get("Condition") or {}).items()
        for key, values in keys.items()
    ]
    return tuple(sorted(found))


def _named(statement: dict[str, Any], kind: str) -> list[str]:
    """The statement's actions or resources; with NotAction or NotResource, all but those."""
    if f"Not{kind}" in statement:
        return [_BUT + ", ".join(str(each) for each in _list(statement[f"Not{kind}"]))]
    return [str(each) for each in _list(statement.get(kind, [])) if each != "${AWS::NoValue}"]


def _principals(statement: dict[str, Any]) -> list[str]:
    """Everybody is ``*``; others are told with their kind, such as ``Service lambda.amazonaws.com``."""
    if "NotPrincipal" in statement:
        return [_BUT + json.dumps(statement["NotPrincipal"], sort_keys=True)]
    principal = statement.get("Principal", {})
    if not isinstance(principal, dict):
        return [str(principal)]
    found = [f"{kind} {each}" for kind, listed in principal.items() for each in _list(listed)]
    return ["*" if each == "AWS *" else each for each in found]


def _statements(value: Any) -> Iterator[dict[str, Any]]:
    """Statements as they stand, and both branches of those that depend on a condition (``!If``)."""
    for each in _list(value):
        if isinstance(each, dict):
            yield each


def _list(value: Any) -> list[Any]:
    """``value`` as a flat list."""
    if not isinstance(value, list):
        return [value]
    return [each for inner in value for each in _list(inner)]
