"""Where a stage's deployment is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cli.stage import ROOT, local_stage, read_samconfig, state_folder
from manyclaw.errors import Misconfigured, NotFound


def _stack(**changed: Any) -> dict[str, Any]:
    return {
        "front_door": "http://127.0.0.1:8787",
        "public_url": "http://127.0.0.1:8787",
        "aws_endpoint": "http://127.0.0.1:4566",
        "region": "us-east-1",
        "stack_name": "manyclaw",
        "operator": {"access_key_id": "AKIA1", "secret_access_key": "not-shown"},
        "telegram_api_url": "http://127.0.0.1:8081",
        "telegram_is_simulated": True,
        "anthropic_base_url": "http://127.0.0.1:8082",
        "outputs": {"TableName": "t", "BucketName": "b", "TenantRoleArn": "arn:aws:iam::1:role/r"},
        **changed,
    }


def test_a_simulated_stack_knows_the_real_telegram_second_and_has_a_chat_page() -> None:
    stage = local_stage(_stack())
    assert stage.telegram_api_urls == ("http://127.0.0.1:8081", "https://api.telegram.org")
    assert stage.chat_page == "http://127.0.0.1:8787/chat"
    assert stage.allow_relay
    assert (stage.settings.table, stage.settings.bucket, stage.settings.stack) == ("t", "b", "manyclaw")


def test_a_server_that_the_person_named_is_the_only_one() -> None:
    stage = local_stage(_stack(telegram_is_simulated=False, telegram_api_url="http://127.0.0.1:9000/"))
    assert stage.telegram_api_urls == ("http://127.0.0.1:9000",)
    assert stage.chat_page == ""


def test_with_a_public_url_nothing_is_relayed() -> None:
    stage = local_stage(_stack(public_url="https://bots.example.com/"))
    assert stage.public_url == "https://bots.example.com"
    assert not stage.allow_relay


def test_a_stage_never_shows_its_keys() -> None:
    assert "not-shown" not in repr(local_stage(_stack()))


@pytest.mark.parametrize("missing", ["region", "operator", "outputs", "front_door"])
def test_a_stack_file_of_another_version_is_refused(missing: str) -> None:
    stack = _stack()
    del stack[missing]
    with pytest.raises(Misconfigured, match=missing):
        local_stage(stack)


def test_the_state_folder_is_seen_from_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MANYCLAW_STATE", raising=False)
    assert state_folder() == ROOT / ".manyclaw"
    monkeypatch.setenv("MANYCLAW_STATE", ".manyclaw-two")
    assert state_folder() == ROOT / ".manyclaw-two"
    monkeypatch.setenv("MANYCLAW_STATE", "/srv/state")
    assert state_folder() == Path("/srv/state")


_SAMCONFIG = """
version = 0.1
[default.global.parameters]
stack_name = "other"
[prod.global.parameters]
region = "eu-west-1"
[prod.deploy.parameters]
stack_name = "manyclaw"
region = "eu-central-1"
profile = "operator"
confirm_changeset = true
"""


def test_samconfig_names_the_stack_of_a_stage(tmp_path: Path) -> None:
    (path := tmp_path / "samconfig.toml").write_text(_SAMCONFIG)
    assert read_samconfig(path, "prod") == {"stack_name": "manyclaw", "region": "eu-central-1", "profile": "operator"}


def test_an_unknown_stage_is_answered_with_those_there_are(tmp_path: Path) -> None:
    (path := tmp_path / "samconfig.toml").write_text(_SAMCONFIG)
    with pytest.raises(NotFound) as caught:
        read_samconfig(path, "staging")
    assert caught.value.hint == "Stages: local, prod."


def test_a_broken_samconfig_is_told_with_its_place(tmp_path: Path) -> None:
    (path := tmp_path / "samconfig.toml").write_text("[prod\n")
    with pytest.raises(Misconfigured, match="line 1"):
        read_samconfig(path, "prod")


@pytest.mark.parametrize("stage", ["staging", "prod"])
def test_the_stages_of_this_project_can_be_found(stage: str) -> None:
    assert {"stack_name", "region"} <= read_samconfig(ROOT / "samconfig.toml", stage).keys()
