"""The state folder: one stack at a time, stable ports, files that are never half written; and what is built when."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest

from local.aws.checkpoint import interval
from local.dev.build import declared_parameters, hash_of, layer_platform
from local.dev.settings import SettingsError, read_settings
from local.dev.state import StateError, StateFolder


def test_a_second_stack_on_the_same_folder_is_refused_by_name(tmp_path: Path) -> None:
    first = StateFolder(tmp_path / "state")
    first.acquire()
    with pytest.raises(StateError, match="already runs"):
        StateFolder(tmp_path / "state").acquire()
    assert first.holder() == os.getpid()
    first.release()
    assert first.holder() is None


def test_ports_stay_the_same_until_someone_else_takes_them(tmp_path: Path) -> None:
    state = StateFolder(tmp_path)
    port = state.port("aws")
    assert state.port("aws") == port
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        assert state.port("aws") != port


def test_secrets_are_readable_by_their_owner_only(tmp_path: Path) -> None:
    state = StateFolder(tmp_path)
    state.write_json("stack.json", {"a": 1})
    assert stat.S_IMODE((tmp_path / "stack.json").stat().st_mode) == 0o600
    assert state.read_json("stack.json") == {"a": 1}


def test_the_hash_of_sources_sees_names_and_contents_but_no_caches(tmp_path: Path) -> None:
    (tmp_path / "src" / "__pycache__").mkdir(parents=True)
    (tmp_path / "src" / "a.py").write_text("1")
    before = hash_of([tmp_path / "src"])
    (tmp_path / "src" / "__pycache__" / "a.pyc").write_text("x")
    assert hash_of([tmp_path / "src"]) == before
    (tmp_path / "src" / "a.py").rename(tmp_path / "src" / "b.py")
    assert hash_of([tmp_path / "src"]) != before


def test_parameters_are_read_past_cloudformations_tags(tmp_path: Path) -> None:
    template = tmp_path / "t.yaml"
    template.write_text("Parameters:\n  A: {Type: String}\nResources:\n  X: !Sub ['${A}', {B: !Ref A}]\n")
    assert declared_parameters(template) == {"A"}


def test_layers_are_built_for_the_machine_that_runs_them() -> None:
    assert layer_platform("Linux", "x86_64") == "x86_64-manylinux_2_28"
    assert layer_platform("Linux", "aarch64") == "aarch64-manylinux_2_28"
    assert layer_platform("Darwin", "arm64") == "aarch64-apple-darwin"


def test_settings_tell_simulated_from_real() -> None:
    nothing = read_settings({})
    assert (nothing.port, nothing.telegram_api_url, nothing.anthropic_base_url) == (8787, None, None)
    assert read_settings({"ANTHROPIC_API_KEY": "k"}).anthropic_base_url == "https://api.anthropic.com"
    assert read_settings({"ANTHROPIC_BASE_URL": "http://m:1/"}).anthropic_base_url == "http://m:1"


@pytest.mark.parametrize("env", [{"MANYCLAW_PORT": "http"}, {"TELEGRAM_API_URL": "api.telegram.org"}])
def test_settings_that_cannot_be_used_are_named(env: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match=next(iter(env))):
        read_settings(env)


def test_saving_takes_a_small_share_of_the_time_however_large_the_state_is() -> None:
    assert interval(0.001) == 0.25
    assert interval(0.03) == pytest.approx(1.2)
    assert interval(0.1) == 2.0
    assert interval(0.5) == 7.5
