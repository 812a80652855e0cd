"""`python -m local.check audit`: known vulnerabilities among everything that is pinned, by `uv audit` and OSV.

uv audits a project's lock. The tools in `local/requirements/` are no projects, so each one's pins are written into a
lock of its own in a temporary folder, and audited beside ours.

A vulnerability that is found fails the check everywhere. One that cannot be mended yet stands in
`local/advisories.toml` with the reason and a day, after which it counts again. Where OSV (api.osv.dev) cannot be
reached, nothing is known: that is said aloud, and fails the check only with MANYCLAW_REQUIRE_AUDIT=1, since `make test`
must pass without a network.
"""

from __future__ import annotations

import datetime
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path

from local.check import NOT_DONE
from local.dev.build import project_uv
from local.dev.settings import ROOT

IGNORED = ROOT / "local/advisories.toml"
_PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^]]*\])?==([^\s;\\]+)", re.MULTILINE)
_UNKNOWN = ("Request failed", "unrecognized subcommand")
"""The service cannot be reached; the uv on PATH is older than its audit command."""


@dataclass(frozen=True)
class Ignored:
    """A known vulnerability that is accepted until a day."""

    id: str
    reason: str
    until: datetime.date


def read_ignored(text: str, today: datetime.date) -> list[Ignored]:
    """The entries that still hold.

    Raises
    ------
    ValueError
        One has no reason or no day.
    """
    found = []
    for entry in tomllib.loads(text).get("ignore", []):
        until = entry.get("until")
        if not entry.get("id") or not entry.get("reason") or not isinstance(until, datetime.date):
            raise ValueError(f"every entry needs id, reason and until (a day): {entry}")
        found.append(Ignored(entry["id"], entry["reason"], until))
    return [each for each in found if today <= each.until]


def pins_of(text: str) -> list[tuple[str, str]]:
    """Name and version of every pin in a requirements file."""
    return [(re.sub(r"[-_.]+", "-", name).lower(), version) for name, version in _PIN.findall(text)]


def write_project(folder: Path, pins: list[tuple[str, str]]) -> None:
    """A project that is nothing but a lock of these pins."""
    listed = ", ".join(f'"{name}"' for name, _ in pins)
    needs = ", ".join(f'{{ name = "{name}" }}' for name, _ in pins)
    project = f'[project]\nname = "tools"\nversion = "0"\nrequires-python = ">=3.13"\ndependencies = [{listed}]\n'
    (folder / "pyproject.toml").write_text(project)
    lock = ['version = 1\nrequires-python = ">=3.13"\n']
    lock.append(f'[[package]]\nname = "tools"\nversion = "0"\nsource = {{ virtual = "." }}\ndependencies = [{needs}]\n')
    source = 'source = { registry = "https://pypi.org/simple" }\n'
    lock += [f'[[package]]\nname = "{name}"\nversion = "{version}"\n{source}' for name, version in pins]
    (folder / "uv.lock").write_text("\n".join(lock))


def audit(folder: Path, ignored: list[Ignored], service: str) -> bool | None:
    """Run `uv audit` on a project: whether nothing is known of its pins, or None when the advisories cannot be had."""
    command = [str(project_uv()), "audit", "--frozen", "--preview-features", "audit-command"]
    command += [option for each in ignored for option in ("--ignore", each.id)]
    command += ["--service-url", service] if service else []
    kept = {**os.environ, "UV_HTTP_RETRIES": "1", "UV_HTTP_TIMEOUT": "10"}
    kept.pop("VIRTUAL_ENV", None)
    done = subprocess.run(command, cwd=folder, env=kept, capture_output=True, text=True)
    print(f"{done.stdout.strip()}\n{done.stderr}".strip(), flush=True)
    unknown = done.returncode and any(sign in done.stderr for sign in _UNKNOWN)
    return None if unknown else done.returncode == 0


def main() -> int:
    """Audit the project and the tools. 0 when nothing is known, 75 when it cannot be known and need not be."""
    service = os.environ.get("MANYCLAW_AUDIT_URL", "")
    ignored = read_ignored(IGNORED.read_text(), datetime.datetime.now(datetime.UTC).date())
    clean = [_audit("uv.lock", ROOT, ignored, service)]
    for path in sorted((ROOT / "local/requirements").glob("*.txt")):
        if clean[-1] is None:
            break
        with tempfile.TemporaryDirectory(prefix="manyclaw-audit-") as name:
            write_project(Path(name), sorted(set(pins_of(path.read_text()))))
            clean.append(_audit(str(path.relative_to(ROOT)), Path(name), ignored, service))
    if False in clean:
        return 1
    if None in clean:
        print("NOT AUDITED: the advisories could not be had (see above), so nothing is known of vulnerabilities.")
        return 1 if os.environ.get("MANYCLAW_REQUIRE_AUDIT") == "1" else NOT_DONE
    return 0


def _audit(what: str, folder: Path, ignored: list[Ignored], service: str) -> bool | None:
    print(f"{what}:", end=" ", flush=True)
    return audit(folder, ignored, service)


if __name__ == "__main__":
    sys.exit(main())
