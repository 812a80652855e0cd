"""Which skills a tenant has: one row, ``SKILLS``, beside its pairing.

The agent reads the row in the request that brings the pairing anyway, so a tenant's skills cost its replies nothing.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from manyclaw.aws import conditionally, from_item, to_item
from manyclaw.errors import BadInput, Conflict
from manyclaw.tenancy import TenantScope

SKILLS_ROW = "SKILLS"
MAX_SKILLS = 20
MAX_INDEX_BYTES = 200_000
"""The row is read with every message and must stay well under DynamoDB's 400 KB."""


@dataclass(frozen=True)
class SkillTool:
    """A tool as the model is offered it."""

    name: str
    description: str
    input_schema: dict[str, Any]


@dataclass(frozen=True)
class Installed:
    """A skill of a tenant. ``version`` names its content, ``secrets`` what its tools are given."""

    name: str
    description: str
    version: str
    secrets: tuple[str, ...]
    tools: tuple[SkillTool, ...]


@dataclass(frozen=True)
class Index:
    """All skills of a tenant, sorted by name. ``revision`` counts the row's writes; 0 = there is no row."""

    skills: tuple[Installed, ...] = ()
    revision: int = 0


def skills_of(row: dict[str, Any] | None) -> Index:
    """The row as it was read; none is a tenant without skills."""
    if not row:
        return Index()
    found = [
        Installed(
            each["name"],
            each["description"],
            each["version"],
            tuple(each["secrets"]),
            tuple(SkillTool(**tool) for tool in each["tools"]),
        )
        for each in json.loads(row["skills"])
    ]
    return Index(tuple(found), int(row["revision"]))


def load_index(scope: TenantScope) -> Index:
    """The tenant's skills, read now."""
    answer = scope.clients.dynamodb.get_item(
        TableName=scope.table, Key=scope.key(SKILLS_ROW).wire(), ConsistentRead=True
    )
    return skills_of(from_item(dict(answer["Item"])) if "Item" in answer else None)


def save_index(scope: TenantScope, before: Index, skills: tuple[Installed, ...]) -> None:
    """Put ``skills`` in the place of ``before``.

    Raises
    ------
    Conflict
        Somebody else has changed the tenant's skills meanwhile.
    BadInput
        There are too many, or their descriptions and schemas are too long.
    """
    text = json.dumps([asdict(each) for each in sorted(skills, key=lambda skill: skill.name)], ensure_ascii=False)
    if len(skills) > MAX_SKILLS or len(text.encode()) > MAX_INDEX_BYTES:
        raise BadInput(
            f"Tenant {scope.tenant} would have {len(skills)} skills with {len(text.encode()) // 1024} KB of "
            f"descriptions and schemas; {MAX_SKILLS} and {MAX_INDEX_BYTES // 1024} KB are the most."
        )
    done = conditionally(
        scope.clients.dynamodb.put_item,
        TableName=scope.table,
        Item=to_item({**_plain_key(scope), "skills": text, "revision": before.revision + 1}),
        ConditionExpression="revision = :revision" if before.revision else "attribute_not_exists(sk)",
        **({"ExpressionAttributeValues": to_item({":revision": before.revision})} if before.revision else {}),
    )
    if done is None:
        raise Conflict("Somebody else has changed the tenant's skills meanwhile.", hint="Repeat it.")


def _plain_key(scope: TenantScope) -> dict[str, str]:
    key = scope.key(SKILLS_ROW)
    return {"pk": key.pk, "sk": key.sk}
