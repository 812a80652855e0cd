"""`python -m local.claims W1 …`: run the tests that hold claims of docs/security.md, by their numbers.

A letter alone means all rows of that part, no argument all claims; `--list` only shows them.
"""

import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from local.check import environment
from local.dev.settings import ROOT

PAGE = ROOT / "docs" / "security.md"
_ROW = re.compile(r"^\| (?P<id>[A-Z]\d+) \| (?P<tried>.*?) \| (?P<stops>.*?) \| (?P<held>.*) \|$", re.MULTILINE)
_TEST = re.compile(r"`(tests/[\w/]+\.py::\w+)`")


@dataclass(frozen=True)
class Claim:
    """One row: what is tried, what stops it, and the tests that hold it, as pytest names them."""

    id: str
    tried: str
    stops: str
    tests: tuple[str, ...]


def claims(text: str) -> list[Claim]:
    """All rows of the page, in its order."""
    return [
        Claim(row["id"], row["tried"], row["stops"], tuple(_TEST.findall(row["held"]))) for row in _ROW.finditer(text)
    ]


def chosen(everything: list[Claim], names: Sequence[str]) -> list[Claim]:
    """The claims of these numbers and letters; all without any. Raises ``ValueError`` for one that there is not."""
    for name in names:
        if not any(name in (each.id, each.id[0]) for each in everything):
            raise ValueError(f"docs/security.md has no claim {name}")
    return [each for each in everything if not names or each.id in names or each.id[0] in names]


def main(arguments: Sequence[str]) -> int:
    """Run pytest on the tests of the chosen claims, each once; gives its exit code."""
    try:
        found = chosen(claims(PAGE.read_text()), [name for name in arguments if name != "--list"])
    except ValueError as error:
        print(error)
        return 2
    for each in found:
        print(f"{each.id:<4} {each.tried}\n     stopped by: {each.stops}", *each.tests, sep="\n       ", flush=True)
    if "--list" in arguments:
        return 0
    tests = list(dict.fromkeys(test for each in found for test in each.tests))
    command = [str(ROOT / ".venv/bin/python"), "-m", "pytest", "-q", *tests]
    return subprocess.run(command, cwd=ROOT, env=environment()).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
