"""Which version of a tenant's overlay is in force, over several processes."""

from __future__ import annotations

import pytest

from manyclaw.errors import Conflict
from manyclaw.tenancy import LoadedOverlay, load_overlay, overlay_store, read_overlay, save_overlay
from tests.integration.world import Customer, World

pytestmark = pytest.mark.integration


def _load(world: World, of: Customer) -> LoadedOverlay:
    return load_overlay(of.scope, world.operator.gateway, world.operator.tools)


def _in_another_process() -> None:
    """What a process that starts now would know: nothing."""
    overlay_store._seen.clear()


def _write(of: Customer, data: bytes) -> None:
    of.scope.clients.s3.put_object(Bucket=of.scope.bucket, Key=of.scope.object_key("config.yaml"), Body=data)


def test_a_broken_version_leaves_the_last_good_one_in_force_and_is_told_once(world: World) -> None:
    acme = world.customer()
    good = _load(world, acme)
    _write(acme, b"system_prompt: hello\nmodle: x\n")
    first, again = _load(world, acme), _load(world, acme)
    _in_another_process()
    elsewhere = _load(world, acme)
    assert first.overlay == again.overlay == elsewhere.overlay == good.overlay
    assert first.etag == good.etag
    assert "line 2: modle" in str(first.problem)
    assert [first.problem_is_new, again.problem_is_new, elsewhere.problem_is_new] == [True, False, False]
    # When it is mended, it is in force at once
    _write(acme, b"system_prompt: mended\n")
    mended = _load(world, acme)
    assert (mended.overlay.system_prompt, mended.problem) == ("mended", None)
    # And breaking it in another way is news again
    _write(acme, b"\xff")
    assert _load(world, acme).problem_is_new


def test_without_a_file_and_without_a_good_version_the_defaults_are_in_force(world: World) -> None:
    acme = world.customer()
    acme.scope.clients.s3.delete_object(Bucket=acme.scope.bucket, Key=acme.scope.object_key("config.yaml"))
    assert read_overlay(acme.scope) is None
    loaded = _load(world, acme)
    assert (loaded.overlay.system_prompt, loaded.etag, loaded.problem) == ("", "", None)


def test_two_editors_cannot_overwrite_each_other(world: World) -> None:
    acme = world.customer()
    stored = read_overlay(acme.scope)
    assert stored
    gateway, tools = world.operator.gateway, world.operator.tools
    assert save_overlay(acme.scope, "language: de\n", gateway, tools, if_match=stored.etag)
    with pytest.raises(Conflict, match="changed by somebody else"):
        save_overlay(acme.scope, "language: fr\n", gateway, tools, if_match=stored.etag)
    with pytest.raises(Conflict):
        save_overlay(acme.scope, "language: fr\n", gateway, tools, if_match="")
    assert not save_overlay(acme.scope, "language: de\n", gateway, tools)
