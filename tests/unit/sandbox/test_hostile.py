"""Code that nobody has read: whatever it does, the call ends in time, says how, and leaves nothing alive."""

from __future__ import annotations

import ctypes
import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from manyclaw_sandbox import Call, Ended, FilesRefused, Limits, pack, run_call, unpack
from tests.skills import HOSTILE, bundle

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the limits are Linux's")

SMALL = Limits(seconds=4.0, processor_seconds=1, memory=200 * 1024 * 1024, processes=8)


_PR_SET_CHILD_SUBREAPER = 36


def _run(body: str, limits: Limits = SMALL, scratch: bytes | None = None, **secrets: str) -> Ended:
    return run_call(Call("probe", {}, bundle(body).archive, secrets, scratch, network=False, limits=limits))


def _fenced() -> bool:
    return bool(_run("return 'x'").facts["fences"] == "namespaces")


@pytest.fixture(autouse=True, scope="module")
def orphans_come_to_us() -> None:
    """Whatever a call leaves behind becomes a child of this process, so that it can be told from others' calls."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _alive(mark: str) -> list[str]:
    """The descendants of this process whose command line holds ``mark``."""
    parents, lines = {}, {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                lines[int(entry.name)] = (entry / "cmdline").read_bytes().decode(errors="replace")
            except OSError:
                continue

    def ours(process: int) -> bool:
        return process == os.getpid() or (process in parents and ours(parents[process]))

    return [line for process, line in lines.items() if mark in line and ours(process)]


@pytest.mark.parametrize("what", [name for name, (_, said) in HOSTILE.items() if said])
def test_the_call_ends_with_a_clear_error_and_nothing_stays(what: str) -> None:
    # Given code that means harm
    body, said = HOSTILE[what]
    began = time.monotonic()
    # When it is called
    ended = _run(body)
    # Then the model is told what happened, soon, and none of its processes lives
    assert said in ended.error, ended
    assert ended.text == ""
    assert ended.scratch is None
    assert time.monotonic() - began < SMALL.seconds + 8
    assert not _alive("/run.py")


def test_a_process_that_leaves_its_session_is_ended_too() -> None:
    leave = "    os.setsid()\n    if os.fork() == 0: time.sleep(600)\n    os._exit(0)\n"
    body = f"import time\nif os.fork() == 0:\n{leave}return 'x'"
    assert _run(body).text == "x"
    assert not _alive("/run.py")


def test_a_call_is_seen_while_it_runs() -> None:
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(_run, "import time\ntime.sleep(2)\nreturn 'x'")
        deadline = time.monotonic() + 3
        while not _alive("/run.py"):
            assert time.monotonic() < deadline
        assert running.result().text == "x"
    assert not _alive("/run.py")


def test_there_is_nothing_in_its_environment() -> None:
    os.environ["MANYCLAW_TEST_SECRET"] = "do-not-tell"
    try:
        ended = _run("return [dict(os.environ), open('/proc/self/environ').read()]")
    finally:
        del os.environ["MANYCLAW_TEST_SECRET"]
    own, kernel = json.loads(ended.text)
    assert own == {}
    assert [line for line in kernel.split("\0") if line and not line.startswith("LD_LIBRARY_PATH=")] == []


def test_it_has_its_secrets_and_no_others() -> None:
    assert _run("return secret('KEY')", KEY="abc").text == "abc"
    assert _run("return secret('OTHER')", KEY="abc").error == "The secret OTHER is not set."


def test_behind_fences_there_are_no_files_processes_or_networks_but_its_own() -> None:
    if not _fenced():
        pytest.skip("this kernel lets nobody make namespaces")
    roots = json.loads(_run("return sorted(os.listdir('/'))").text)
    assert {"etc", "home", "work", "var"}.isdisjoint(roots)
    assert _run("return str(len([n for n in os.listdir('/proc') if n.isdigit()]))").text == "2"
    assert "Network is unreachable" in _run("import socket; socket.create_connection(('127.0.0.1', 80), 1)").error
    assert "Read-only" in _run("open('/skill/tools.py', 'w')").error
    assert "Error" in _run("open('/proc/1/environ').read()").error
    assert _run(HOSTILE["the loopback"][0]).error == "nothing is reachable"


def test_the_scratch_folder_comes_back_when_it_was_changed() -> None:
    # Given a call that stores something
    first = _run("(scratch() / 'deep').mkdir(); (scratch() / 'deep' / 'a.txt').write_text('kept'); return 'x'")
    assert first.scratch
    # When the next one is given what came back, it finds it, and nothing comes back unchanged
    second = _run("return (scratch() / 'deep' / 'a.txt').read_text()", scratch=first.scratch)
    assert (second.text, second.scratch) == ("kept", None)


def test_links_do_not_come_back_and_too_much_is_refused(tmp_path: Path) -> None:
    linked = _run("os.symlink('/etc/passwd', scratch() / 'link'); (scratch() / 'a').write_text('a'); return 'x'")
    assert linked.scratch
    unpack(linked.scratch, tmp_path, most_bytes=100, most_files=5)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    many = _run("[(scratch() / str(n)).write_text('x') for n in range(300)]\nreturn 'x'")
    assert "200 files" in many.error


def test_results_and_prints_are_cut_with_a_note() -> None:
    ended = _run("print('p' * 100_000); return 'x' * 100_000")
    assert ended.text.endswith("[cut: 19940 of 100000 characters]")
    assert len(ended.log) == SMALL.log


def test_a_result_that_pretends_is_only_text() -> None:
    ended = _run('os.write(3, b\'{"text": "forged", "scratch": "x"}\'); os._exit(0)')
    assert (ended.text, ended.scratch) == ("forged", None)
    assert "without a result" in _run("os.write(3, b'[' * 100_000); os._exit(0)").error


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a/../../x"])
def test_an_archive_cannot_write_outside(tmp_path: Path, name: str) -> None:
    import io
    import zipfile

    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr(name, "x")
    with pytest.raises(FilesRefused):
        unpack(target.getvalue(), tmp_path / "in", most_bytes=100, most_files=5)


def test_packing_is_the_same_for_the_same_files(tmp_path: Path) -> None:
    (tmp_path / "b").write_text("b")
    (tmp_path / "a").write_text("a")
    first = pack(tmp_path, most_bytes=100, most_files=5)
    (tmp_path / "a").write_text("a")
    assert pack(tmp_path, most_bytes=100, most_files=5) == first
    with pytest.raises(FilesRefused):
        pack(tmp_path, most_bytes=1, most_files=5)
