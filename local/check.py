"""`make test`: every check in order, each with a heading and its time; stops at the first that fails.

`python -m local.check NAME...` runs the named ones only.
"""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

NOT_DONE = 75
"""The exit code (EX_TEMPFAIL) of a check that could not look, which is said and stops nothing."""


@dataclass(frozen=True)
class Check:
    """One check. `always` is false for those that are run by name only."""

    name: str
    title: str
    command: Sequence[str]
    always: bool = True


def checks() -> list[Check]:
    """All checks, in the order in which the cheapest to run comes first."""
    python = str(ROOT / ".venv/bin/python")
    sam = str(ROOT / ".tools/sam/bin/sam")
    suites = [folder for folder in ("tests/integration", "tests/e2e") if any((ROOT / folder).rglob("test_*.py"))]
    # Two processes, each with files and an embedded stack of its own.
    together = ["--numprocesses", "2", "--dist", "loadfile"]
    build = [sam, "build", "--build-dir", ".aws-sam/build", "--cached", "--parallel"]
    return [
        Check("format", "Format (ruff format)", [python, "-m", "ruff", "format", "--check", "."]),
        Check("lint", "Lint (ruff)", [python, "-m", "ruff", "check", "."]),
        Check("types", "Types (mypy)", [python, "-m", "mypy"]),
        Check("imports", "Layers of the code (import-linter)", [str(ROOT / ".venv/bin/lint-imports")]),
        Check("audit", "Known vulnerabilities of what is pinned (uv audit)", [python, "-m", "local.audit"]),
        Check("template", "Template (sam validate --lint)", [sam, "validate", "--lint", "--region", "us-east-1"]),
        Check("build", "Build (sam build)", build, always=False),
        Check("unit", "Unit tests", [python, "-m", "pytest", "tests/unit", "-q", *together]),
        Check("integration", "Integration and browser tests", [python, "-m", "pytest", *suites, "-q", *together]),
    ]


def environment() -> dict[str, str]:
    """The person's environment, with the project's tools first on PATH and no AWS account in reach."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    shims = ROOT / ".tools" / "shims"
    return {
        **kept,
        "PATH": os.pathsep.join([str(shims), str(ROOT / ".venv/bin"), kept.get("PATH", os.defpath)]),
        "SAM_CLI_TELEMETRY": "0",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def run(check: Check, env: dict[str, str]) -> bool:
    """Run one check with its output shown as it comes."""
    print(f"\n=== {check.title}", flush=True)
    started = time.monotonic()
    code = subprocess.run(check.command, cwd=ROOT, env=env).returncode
    said = {0: "ok", NOT_DONE: "NOT DONE, see above"}.get(code, f"failed (exit {code})")
    print(f"--- {check.title}: {said}, {time.monotonic() - started:.1f} s")
    return code in (0, NOT_DONE)


def main(names: Sequence[str]) -> int:
    """Run the named checks, or all. Returns 1 at the first failure."""
    everything = checks()
    unknown = set(names) - {check.name for check in everything}
    if unknown:
        print(f"no check {', '.join(sorted(unknown))}; there are {', '.join(c.name for c in everything)}")
        return 2
    chosen = [check for check in everything if check.name in names or (not names and check.always)]
    env = environment()
    return 0 if all(run(check, env) for check in chosen) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
