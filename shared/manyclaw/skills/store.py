"""Installing and removing skills. Files lie under ``tenants/{id}/plugins/{skill}/{version}.zip`` and never change."""

from __future__ import annotations

from collections import OrderedDict
from contextlib import suppress
from threading import Lock
from typing import Any

from manyclaw.audit import intent
from manyclaw.errors import BadInput, Conflict, NotFound, Unavailable
from manyclaw.skills.bundle import Bundle, read_archive
from manyclaw.skills.index import Index, Installed, SkillTool, load_index, save_index
from manyclaw.tenancy import (
    InvalidDocument,
    Problem,
    TenantScope,
    delete_secret,
    parse_overlay,
    put_secret,
    read_overlay,
    read_text,
    write_text,
)

READ_SKILL = "read_skill"
"""The tool by which the model reads a skill's body; offered to every tenant with skills."""

_KEEP_BUNDLES = 64
_bundles: OrderedDict[tuple[str, str, str, str], Bundle] = OrderedDict()
_lock = Lock()


def install(scope: TenantScope, bundle: Bundle, reserved: frozenset[str]) -> Installed:
    """Make a checked bundle one of the tenant's skills, in the place of its earlier version.

    Parameters
    ----------
    reserved
        Names of the product's own tools, which no skill's tool may have.

    Raises
    ------
    InvalidDocument
        A tool's name is taken already: with its line.
    Conflict
        ``allowed_tools`` names a tool that the new version no longer has, or somebody else installs too.
    """
    index = load_index(scope)
    name = bundle.document.front.name
    others = tuple(each for each in index.skills if each.name != name)
    taken = {tool.name: f"the skill {each.name}" for each in others for tool in each.tools}
    taken |= dict.fromkeys(reserved, "manyclaw itself")
    source = bundle.files.get("tools.py", b"").decode("utf-8", "replace").splitlines()
    problems = [
        Problem(_line(source, tool.name), tool.name, f"{taken[tool.name]} has a tool of this name")
        for tool in bundle.tools
        if tool.name in taken
    ]
    if problems:
        raise InvalidDocument("tools.py", problems)
    new = Installed(
        name,
        bundle.document.front.description,
        bundle.version,
        bundle.document.front.secrets,
        tuple(SkillTool(tool.name, tool.description, tool.schema) for tool in bundle.tools),
    )
    before = next((each for each in index.skills if each.name == name), None)
    _refuse_if_allowed(scope, _tool_names(before) - _tool_names(new), "The new version has no longer")
    tools = [tool.name for tool in new.tools]
    with intent(scope.audit, "skill.install", on=f"skill:{name}", version=new.version, tools=tools):
        _put_in_place(scope, index, before, new, (*others, new), bundle.archive)
    return new


def _put_in_place(
    scope: TenantScope,
    index: Index,
    before: Installed | None,
    new: Installed,
    skills: tuple[Installed, ...],
    archive: bytes,
) -> None:
    with suppress(Conflict):  # the same content is there already
        write_text(scope.clients.s3, scope.bucket, _key(scope, new), archive, etag="", content_type="application/zip")
    save_index(scope, index, skills)
    _delete_files(scope, new.name, keep={new.version, before.version if before else ""})
    for secret in set(before.secrets if before else ()) - set(new.secrets):
        delete_secret(scope, secret_name(new.name, secret))


def remove(scope: TenantScope, name: str) -> Installed:
    """Take a skill away, with its secrets and its scratch folder.

    Raises
    ------
    NotFound
        The tenant has no such skill.
    Conflict
        ``allowed_tools`` still names one of its tools.
    """
    index = load_index(scope)
    found = find(scope, index, name)
    _refuse_if_allowed(scope, _tool_names(found), "The skill's tools are still allowed:")
    with intent(scope.audit, "skill.remove", on=f"skill:{name}", version=found.version):
        save_index(scope, index, tuple(each for each in index.skills if each.name != name))
        _delete_files(scope, name, keep=set())
        _delete_keys(scope, [scope.object_key(scratch_path(name))])
        for secret in found.secrets:
            delete_secret(scope, secret_name(name, secret))
    return found


def find(scope: TenantScope, index: Index, name: str) -> Installed:
    """The skill ``name``. Raises ``NotFound`` with the names that there are."""
    for each in index.skills:
        if each.name == name:
            return each
    names = ", ".join(each.name for each in index.skills) or "none"
    raise NotFound(f"Tenant {scope.tenant} has no skill {name!r} (skills: {names}).")


def load_bundle(scope: TenantScope, skill: Installed) -> Bundle:
    """A skill's files; one S3 request for each process and version.

    Raises
    ------
    Unavailable
        They are not there or S3 does not answer: another version may have come meanwhile.
    """
    slot = (scope.bucket, scope.tenant, skill.name, skill.version)
    with _lock:
        if slot in _bundles:
            _bundles.move_to_end(slot)
            return _bundles[slot]
    stored = read_text(scope.clients.s3, scope.bucket, _key(scope, skill))
    if stored is None:
        raise Unavailable(f"The files of the skill {skill.name} are not there.", retry_after=1)
    bundle = read_archive(stored.data)
    if bundle.version != skill.version:
        raise Unavailable(f"The files of the skill {skill.name} are not those that were installed.")
    with _lock:
        _bundles[slot] = bundle
        while len(_bundles) > _KEEP_BUNDLES:
            _bundles.popitem(last=False)
    return bundle


def set_secret(scope: TenantScope, skill: str, name: str, value: str) -> None:
    """Store a secret that the skill's SKILL.md names. Raises ``BadInput`` for one that it does not."""
    found = find(scope, load_index(scope), skill)
    if name not in found.secrets:
        raise BadInput(f"The skill {skill} names no secret {name!r} (secrets: {', '.join(found.secrets) or 'none'}).")
    with intent(scope.audit, "skill.secret", on=f"skill:{skill}", name=name):
        put_secret(scope, secret_name(skill, name), value)


def forget_secrets(scope: TenantScope) -> list[str]:
    """Delete the secrets of all skills, before a tenant is erased; gives their names."""
    gone = [secret_name(skill.name, name) for skill in load_index(scope).skills for name in skill.secrets]
    return [name for name in gone if delete_secret(scope, name)]


def secret_name(skill: str, name: str) -> str:
    """The name under which a skill's secret lies in the tenant's own SSM path."""
    return f"skills/{skill}/{name}"


def scratch_path(skill: str) -> str:
    """Where the skill's scratch folder is kept, below the tenant's prefix."""
    return f"sandbox/{skill}.json"


def _key(scope: TenantScope, skill: Installed) -> str:
    return scope.object_key(f"plugins/{skill.name}/{skill.version}.zip")


def _tool_names(skill: Installed | None) -> set[str]:
    return {tool.name for tool in skill.tools} if skill else set()


def _line(source: list[str], tool: str) -> int:
    return next((number for number, line in enumerate(source, 1) if f"def {tool}(" in line), 1)


def _refuse_if_allowed(scope: TenantScope, going: set[str], what: str) -> None:
    """An overlay that names a tool which is not there is broken: mend it first."""
    stored = read_overlay(scope)
    try:
        allowed = set(parse_overlay(stored.data).allowed_tools) if stored else set()
    except InvalidDocument:
        return
    if going & allowed:
        names = ", ".join(sorted(going & allowed))
        raise Conflict(f"{what} {names}.", hint="Take it out of allowed_tools in the tenant's config.yaml first.")


def _delete_files(scope: TenantScope, skill: str, keep: set[str]) -> None:
    """Delete the skill's other versions; the last one stays for turns that have begun with it."""
    prefix = scope.object_key(f"plugins/{skill}/")
    found = scope.clients.s3.list_objects_v2(Bucket=scope.bucket, Prefix=prefix).get("Contents", [])
    kept = {f"{prefix}{version}.zip" for version in keep}
    _delete_keys(scope, [each["Key"] for each in found if each["Key"] not in kept])


def _delete_keys(scope: TenantScope, keys: list[str]) -> None:
    if keys:
        wanted: Any = {"Objects": [{"Key": key} for key in keys], "Quiet": True}
        scope.clients.s3.delete_objects(Bucket=scope.bucket, Delete=wanted)
