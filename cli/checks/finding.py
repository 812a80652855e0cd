"""A finding: what is open, where, and how to mend it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from manyclaw.aws import error_code, is_aws_error
from manyclaw.errors import ManyclawError

SEVERITIES = ("critical", "high", "medium", "low", "note", "unknown")
"""From the worst to what is only said. ``unknown`` is what could not be read; it counts however high the bar is."""


@dataclass(frozen=True)
class Finding:
    """``where`` is a resource or ``tenant ID``; ``mend`` a command, or what to do where there is none."""

    check: str
    severity: str
    what: str
    where: str
    mend: str


Check = Callable[[], Iterable[Finding]]


def run_check(name: str, where: str, check: Check) -> Iterator[Finding]:
    """What a check finds; what goes wrong in it is a finding of its own and ends no other check."""
    try:
        yield from check()
    except ManyclawError as error:
        yield Finding(name, "unknown", error.message, where, error.hint or "Run it again.")
    except Exception as error:
        if not is_aws_error(error):
            raise
        code = error_code(error) or type(error).__name__
        mend = "Attach the deployment's auditor policy (output AuditorPolicyArn) to whoever runs this."
        yield Finding(name, "unknown", f"It could not be read: {code}.", where, mend)


def at_least(findings: Iterable[Finding], severity: str) -> list[Finding]:
    """The findings as bad as ``severity`` or worse, and what is unknown: a check that could not look is no pass."""
    worst = (*SEVERITIES[: SEVERITIES.index(severity) + 1], "unknown")
    return [each for each in findings if each.severity in worst]


def is_true(value: Any) -> bool:
    """A flag of AWS, which some emulations give as a text."""
    return str(value).lower() == "true"
