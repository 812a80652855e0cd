"""The bootstrap finds Python 3.13 where people have it, and makes nothing twice."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from local import bootstrap


def executable(path: Path, text: str = "#!/bin/sh\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def test_python_on_path_comes_first(tmp_path: Path) -> None:
    on_path = executable(tmp_path / "bin" / "python3.13")
    executable(tmp_path / "pyenv" / "versions" / "3.13.1" / "bin" / "python3.13")
    environ = {"PATH": str(tmp_path / "bin"), "PYENV_ROOT": str(tmp_path / "pyenv")}

    found = bootstrap.find_python(environ, probe=lambda path: True)

    assert found == (on_path, "on PATH")


def test_a_shim_of_a_version_that_is_off_is_passed_over_for_pyenvs_own(tmp_path: Path) -> None:
    executable(tmp_path / "shims" / "python3.13", "#!/bin/sh\nexit 127\n")
    executable(tmp_path / "pyenv" / "versions" / "3.13.9" / "bin" / "python3.13", "#!/bin/sh\necho 3.13\n")
    newest = executable(tmp_path / "pyenv" / "versions" / "3.13.10" / "bin" / "python3.13", "#!/bin/sh\necho 3.13\n")
    environ = {"PATH": str(tmp_path / "shims"), "PYENV_ROOT": str(tmp_path / "pyenv")}

    found = bootstrap.find_python(environ)

    assert found == (newest, "in pyenv")


def test_our_own_shims_and_environment_are_not_taken_for_the_machines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap, "TOOLS", tmp_path / ".tools")
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    folders = [executable(tmp_path / at / "python3.13").parent for at in (".tools/shims", ".venv/bin", "theirs")]
    for name in (".tools/shims/uv", ".venv/bin/uv", "theirs/uv"):
        executable(tmp_path / name, "#!/bin/sh\nexit 0\n")
    path = os.pathsep.join(map(str, folders))
    monkeypatch.setenv("PATH", path)

    assert bootstrap.find_python({"PATH": path}, probe=lambda _: True) == (tmp_path / "theirs/python3.13", "on PATH")
    assert bootstrap.find_uv() == tmp_path / "theirs/uv"


def test_pyenv_under_home_is_found_without_its_shims(tmp_path: Path) -> None:
    home = executable(tmp_path / ".pyenv" / "versions" / "3.13.0" / "bin" / "python3.13")

    assert bootstrap.find_python({"PATH": "", "HOME": str(tmp_path)}, probe=lambda path: True) == (home, "in pyenv")


def test_another_python_is_not_taken(tmp_path: Path) -> None:
    executable(tmp_path / "bin" / "python3", "#!/bin/sh\necho 3.12\n")

    assert bootstrap.find_python({"PATH": str(tmp_path / "bin")}) is None


def test_no_pip_and_no_uv_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(bootstrap, "TOOLS", tmp_path)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)

    with pytest.raises(bootstrap.BootstrapError, match="python3-pip"):
        bootstrap.find_uv()


def test_an_environment_is_current_only_with_its_stamp_and_its_interpreter(tmp_path: Path) -> None:
    assert not bootstrap.is_current(tmp_path, "a")
    (tmp_path / ".manyclaw-stamp").write_text("a")
    assert not bootstrap.is_current(tmp_path, "a")
    executable(tmp_path / "bin" / "python")
    assert bootstrap.is_current(tmp_path, "a")
    assert not bootstrap.is_current(tmp_path, "b")


def test_stamps_differ_when_a_file_or_the_place_does(tmp_path: Path) -> None:
    pins = tmp_path / "pins.txt"
    pins.write_text("a==1\n")
    first = bootstrap.stamp_of("/here", pins)
    assert first == bootstrap.stamp_of("/here", pins)
    assert first != bootstrap.stamp_of("/there", pins)
    pins.write_text("a==2\n")
    assert first != bootstrap.stamp_of("/here", pins)


def test_a_failing_command_is_reported_with_its_output() -> None:
    with pytest.raises(bootstrap.BootstrapError, match="no such thing"):
        bootstrap.run(["sh", "-c", "echo no such thing; exit 3"], env=dict(os.environ), what="trying")
