"""What is installed is pinned by hash, and known vulnerabilities of it are found."""

from __future__ import annotations

import json
import re
import threading
import tomllib
from collections.abc import Iterator
from datetime import date
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from local import audit, bootstrap
from local.check import NOT_DONE

ROOT = Path(__file__).resolve().parents[3]
REQUIREMENTS = [
    *sorted((ROOT / "layers").glob("*/requirements.txt")),
    *sorted((ROOT / "local/requirements").glob("*.txt")),
]
LOCK = tomllib.loads((ROOT / "uv.lock").read_text())["package"]


@pytest.mark.parametrize("path", REQUIREMENTS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_requirement_has_a_version_and_hashes(path: Path) -> None:
    blocks = re.split(r"\n(?=[A-Za-z0-9])", path.read_text().strip())
    assert len(blocks) == len(audit.pins_of(path.read_text()))
    for block in blocks:
        assert "--hash=sha256:" in block, block[:80]


def test_every_package_of_the_lock_has_hashes_and_comes_from_the_index() -> None:
    for package in LOCK:
        if package["name"] == "manyclaw":
            continue
        assert package["source"] == {"registry": "https://pypi.org/simple"}, package["name"]
        files = [*package.get("wheels", []), *([package["sdist"]] if "sdist" in package else [])]
        assert files
        assert all(each["hash"].startswith("sha256:") for each in files), package["name"]


def test_what_a_layer_holds_is_what_the_lock_names() -> None:
    locked = {(package["name"], package["version"]) for package in LOCK}
    for path in (ROOT / "layers").glob("*/requirements.txt"):
        assert set(audit.pins_of(path.read_text())) <= locked


def test_nothing_is_installed_without_its_hash() -> None:
    installs = [
        line
        for path in (
            *ROOT.glob("layers/*/Makefile"),
            ROOT / "shared/Makefile",
            ROOT / "Makefile",
            ROOT / "local/bootstrap.py",
        )
        for line in re.sub(r"\\\n\s*", " ", path.read_text()).splitlines()
        if re.search(r"pip install --|uv run .*--with|pip[\"'], [\"']sync|target\", str\(target\)", line)
    ]
    assert len(installs) >= 4
    assert not [line for line in installs if "--require-hashes" not in line and "require-hashes" not in line]


def test_the_build_backend_is_the_locks_and_uv_has_its_hashes() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["tool"]["uv"]["no-build-isolation-package"] == ["manyclaw"]
    assert "hatchling" in {package["name"] for package in LOCK}
    assert audit.pins_of((ROOT / "local/requirements/uv.txt").read_text()) == [("uv", bootstrap.UV_PIN)]


class _Osv(BaseHTTPRequestHandler):
    """OSV with one advisory, for jinja2."""

    asked: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        queries = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["queries"]
        names = [query["package"]["name"] for query in queries]
        self.asked.extend(names)
        found = [
            {"vulns": [{"id": "PYSEC-1", "modified": "2026-01-01T00:00:00Z"}]} if name == "jinja2" else {}
            for name in names
        ]
        self._send({"results": found})

    def do_GET(self) -> None:
        self._send({"id": "PYSEC-1", "summary": "a hole", "modified": "2026-01-01T00:00:00Z", "affected": []})

    def _send(self, value: object) -> None:
        data = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def osv(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), _Osv)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("MANYCLAW_AUDIT_URL", address)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    _Osv.asked.clear()
    yield address
    server.shutdown()
    server.server_close()


def test_a_known_vulnerability_fails_unless_it_is_accepted(
    osv: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert audit.main() == 1
    assert "PYSEC-1" in capfd.readouterr().out
    # Everything that is pinned was asked about
    pinned = {package["name"] for package in LOCK} - {"manyclaw"}
    pinned |= {
        name for path in (ROOT / "local/requirements").glob("*.txt") for name, _ in audit.pins_of(path.read_text())
    }
    assert pinned - set(_Osv.asked) == set()
    # Accepted, it counts no more
    audit.write_project(tmp_path, [("jinja2", "3.1.6"), ("markupsafe", "3.0.3")])
    assert audit.audit(tmp_path, [], osv) is False
    assert audit.audit(tmp_path, [audit.Ignored("PYSEC-1", "never run", date(2999, 1, 1))], osv) is True


def test_without_a_network_it_says_that_nothing_is_known(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MANYCLAW_AUDIT_URL", "http://127.0.0.1:9")
    monkeypatch.delenv("MANYCLAW_REQUIRE_AUDIT", raising=False)
    assert audit.main() == NOT_DONE
    assert "NOT AUDITED" in capfd.readouterr().out
    monkeypatch.setenv("MANYCLAW_REQUIRE_AUDIT", "1")
    assert audit.main() == 1


def test_an_exception_needs_a_reason_and_a_day() -> None:
    today = date(2026, 11, 22)
    assert audit.read_ignored("", today) == []
    assert audit.read_ignored(audit.IGNORED.read_text(), today) == []
    for until, counts in (("2999-01-01", 1), ("2020-01-01", 0)):
        accepted = f'[[ignore]]\nid = "PYSEC-1"\nreason = "never run"\nuntil = {until}\n'
        assert len(audit.read_ignored(accepted, today)) == counts
    with pytest.raises(ValueError, match="reason"):
        audit.read_ignored('[[ignore]]\nid = "PYSEC-1"\nuntil = 2999-01-01\n', today)
